//go:build darwin || freebsd

package sockets

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// solLocal is SOL_LOCAL, the same on both.
const solLocal = 0

// peerUID is the user who connected.
func peerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Xucred
	err = controlled(raw, func(fd int) (err error) {
		cred, err = unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
		return os.NewSyscallError("getsockopt", err)
	})
	if err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
