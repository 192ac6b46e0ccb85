//go:build unix

package sockets

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// acceptQueued takes one connection without waiting; nil is an empty queue.
func acceptQueued(ln net.Listener) (net.Conn, error) {
	fd := -1
	err := onDescriptor(ln, func(from int) (err error) {
		for {
			fd, err = accept(from)
			// A peer that hung up in the queue is not the end of the queue.
			if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
				return err
			}
		}
	})
	if errors.Is(err, unix.EAGAIN) {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("accept", err)
	}
	f := fileOf(fd, "accepted connection")
	defer func() { _ = f.Close() }()
	return net.FileConn(f)
}

// readable asks the kernel, without waiting.
func readable(pc net.PacketConn) bool {
	n := 0
	err := onDescriptor(pc, func(fd int) (err error) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err = unix.Poll(p, 0)
		return err
	})
	return err == nil && n > 0
}
