//go:build unix

package actors

import (
	"os"

	"golang.org/x/sys/unix"
)

// AtTerminal reports whether this process is in the foreground of its terminal: whether a
// Ctrl-C typed there reaches it.
func AtTerminal() bool {
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false // no controlling terminal
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
