package procbridge

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// awaitDeath returns when the process has ended and is not reaped. It waits in the
// network poller where the kernel has pidfds (5.10), else it costs a thread.
func (p *Process) awaitDeath() (unreaped bool) {
	if fd, err := unix.PidfdOpen(p.pid, unix.PIDFD_NONBLOCK); err == nil {
		f := os.NewFile(uintptr(fd), "pidfd")
		defer f.Close()
		if raw, err := f.SyscallConn(); err == nil {
			err = raw.Read(func(fd uintptr) bool { return ended(unix.P_PIDFD, int(fd), unix.WNOHANG) })
			if err == nil {
				return true
			}
		}
	}
	return ended(unix.P_PID, p.pid, 0)
}

// ended looks for the end of a process and leaves it to be reaped. Any error (ECHILD:
// somebody else has reaped it) is an end too: nothing more can be waited for.
func ended(idType, id, options int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(idType, id, &info, unix.WEXITED|unix.WNOWAIT|options, nil)
		if !errors.Is(err, unix.EINTR) {
			return err != nil || info.Signo != 0
		}
	}
}
