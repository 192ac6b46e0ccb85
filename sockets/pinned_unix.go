//go:build unix

package sockets

import "golang.org/x/sys/unix"

// Pinned reports whether c, a listener or a datagram socket from a Server, is that of a slot:
// nobody outside the slot takes what is queued on it. The socket itself says so, whatever the
// one who asked for it expected; one that a service manager made with SO_REUSEPORT counts too.
func Pinned(c any) bool {
	on := 0
	err := onDescriptor(c, func(fd int) (err error) {
		on, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT)
		return err
	})
	return err == nil && on != 0
}
