//go:build unix

package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// bind makes a listening or datagram socket and returns a descriptor of it that
// is in no poller. It does not wait.
func bind(want spec, o ListenOptions, reusePort bool) (int, spec, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return controlled(c, func(fd int) error { return beforeBind(fd, o, reusePort) })
	}}
	lc.SetMultipathTCP(false)
	var sock interface {
		syscall.Conn
		Close() error
	}
	var at net.Addr
	if want.packet() {
		pc, err := lc.ListenPacket(context.Background(), want.network, want.address())
		if err != nil {
			return -1, want, err
		}
		sock, at = pc.(interface {
			syscall.Conn
			Close() error
		}), pc.LocalAddr()
	} else {
		ln, err := lc.Listen(context.Background(), want.network, want.address())
		if err != nil {
			return -1, want, err
		}
		keepPath(ln)
		sock, at = ln.(interface {
			syscall.Conn
			Close() error
		}), ln.Addr()
	}
	defer func() { _ = sock.Close() }()
	fd, err := dupConn(sock)
	if err == nil && o.Backlog > 0 && !want.packet() {
		err = unix.Listen(fd, o.Backlog) // again: only the length changes
	}
	if err != nil {
		closeFD(fd)
		return -1, want, err
	}
	return fd, want.withBound(at), nil
}

// beforeBind runs after net has set its own defaults.
func beforeBind(fd int, o ListenOptions, reusePort bool) error {
	if o.ReuseAddr != nil {
		on := 0
		if *o.ReuseAddr {
			on = 1
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, on); err != nil {
			return err
		}
	}
	if reusePort {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	return nil
}

// onDescriptor runs f on the descriptor of a file, connection or listener.
func onDescriptor(c any, f func(fd int) error) error {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return fmt.Errorf("sockets: look at the descriptor of a %T: %w", c, errors.ErrUnsupported)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	return controlled(raw, f)
}

// controlled runs f on the descriptor behind c.
func controlled(c syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := c.Control(func(p uintptr) { inner = f(int(p)) }); err != nil {
		return err
	}
	return inner
}
