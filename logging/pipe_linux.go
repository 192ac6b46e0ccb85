package logging

import (
	"os"

	"golang.org/x/sys/unix"
)

// enlarge lets a pipe hold more, so that a writer rides out a slow moment of the
// disk. Above a limit for all pipes of a user this is refused, and does not matter.
func enlarge(f *os.File) {
	_ = control(f, func(fd int) error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, 256<<10)
		return err
	})
}
