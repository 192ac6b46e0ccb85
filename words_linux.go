package serverengine

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// blockTTIN makes a read from the background an error of the calling goroutine, which keeps
// its thread from now on: nothing is raised, also when it is put there between a look and
// the read. A TTIN that somebody sends is taken by the other threads.
func blockTTIN() {
	runtime.LockOSThread()
	set := unix.Sigset_t{}
	set.Val[0] = 1 << (unix.SIGTTIN - 1)
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil) // without it the look before each read is left
}
