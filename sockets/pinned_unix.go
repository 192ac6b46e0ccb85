//go:build unix

package sockets

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Pinned reports whether c, a listener or a datagram socket from a Server, is that of a slot:
// nobody outside the slot takes what is queued on it. The socket itself says so, whatever the
// one who asked for it expected; one that a service manager made with SO_REUSEPORT counts too.
func Pinned(c any) bool {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	on := 0
	err = controlled(raw, func(fd int) (err error) {
		on, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT)
		return err
	})
	return err == nil && on != 0
}
