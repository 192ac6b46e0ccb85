//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package procbridge

import (
	"errors"

	"golang.org/x/sys/unix"
)

// awaitDeath returns when the process has ended and is not reaped: NOTE_EXIT, because
// waitid returns there for a stopped process too. It is false, at once, where that cannot
// be had.
func (p *Process) awaitDeath() (unreaped bool) {
	kq, err := unix.Kqueue()
	if err != nil {
		return false
	}
	defer unix.Close(kq)
	unix.CloseOnExec(kq)
	var change unix.Kevent_t
	unix.SetKevent(&change, p.pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	change.Fflags = unix.NOTE_EXIT
	changes, events := []unix.Kevent_t{change}, make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(kq, changes, events, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			changes = nil // the interrupted call has entered it
		case errors.Is(err, unix.ESRCH): // it is a zombie already
			return true
		default:
			return err == nil && n == 1
		}
	}
}
