package procbridge

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

var dumpableMu sync.Mutex

// keepDumpable runs a start. A child that changes its user shares this process's memory
// until it executes its program, and the kernel makes shared memory undumpable when one of
// its users changes: /proc/self would belong to root here from then on, and no core file
// would be written.
func keepDumpable(u *User, start func() (*os.Process, error)) (*os.Process, error) {
	if u == nil {
		return start()
	}
	dumpableMu.Lock()
	defer dumpableMu.Unlock()
	before, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	proc, startErr := start()
	if err == nil && before == 1 {
		_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) // can't fail for the value it had
	}
	return proc, startErr
}
