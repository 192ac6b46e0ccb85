//go:build unix && !linux

package sockets

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// accept holds the fork lock: without accept4 a child started in between would
// keep the connection open.
func accept(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, _, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(n)
	}
	return n, err
}
