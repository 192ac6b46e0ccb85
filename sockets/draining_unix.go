//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptQueued takes one connection without waiting; nil is an empty queue.
func acceptQueued(ln net.Listener) (net.Conn, error) {
	sc, ok := ln.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("sockets: drain a %T: %w", ln, errors.ErrUnsupported)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	err = controlled(raw, func(from int) (err error) {
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
	sc, ok := pc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = controlled(raw, func(fd int) (err error) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err = unix.Poll(p, 0)
		return err
	})
	return err == nil && n > 0
}
