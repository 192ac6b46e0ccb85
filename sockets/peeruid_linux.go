package sockets

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peerUID is the user who connected.
func peerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	err = controlled(raw, func(fd int) (err error) {
		cred, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return os.NewSyscallError("getsockopt", err)
	})
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
