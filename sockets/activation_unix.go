//go:build unix

package sockets

import (
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheritedFile takes a descriptor by its number.
func inheritedFile(fd int, name string) (*os.File, error) {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
		return nil, fmt.Errorf("sockets: inherited descriptor %d (%s): %w", fd, name, err)
	}
	unix.CloseOnExec(fd)
	return fileOf(fd, name), nil
}

// adopt takes over the file. What is no listening or datagram socket is closed
// and nil.
func adopt(in Inherited) *inheritedSocket {
	fd, err := dupConn(in.File)
	_ = in.File.Close()
	if err != nil {
		return nil
	}
	sp, err := specOf(fd)
	if err != nil {
		closeFD(fd)
		return nil
	}
	return &inheritedSocket{fd: fd, name: in.Name, spec: sp}
}

// specOf reads from the kernel what a socket is bound to.
func specOf(fd int) (spec, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return spec{}, err
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return spec{}, err
	}
	var s spec
	switch at := at.(type) {
	case *unix.SockaddrUnix:
		s.path = at.Name
		s.proto = map[int]string{unix.SOCK_STREAM: "unix", unix.SOCK_DGRAM: "unixgram", unix.SOCK_SEQPACKET: "unixpacket"}[kind]
		s.network = s.proto
		return s, nil
	case *unix.SockaddrInet4:
		s.ip, s.port = netip.AddrFrom4(at.Addr), at.Port
	case *unix.SockaddrInet6:
		s.ip, s.port = netip.AddrFrom16(at.Addr), at.Port
		only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
		s.dual = err == nil && only == 0 && s.ip.IsUnspecified()
	default:
		return s, syscall.EAFNOSUPPORT
	}
	s.proto = map[int]string{unix.SOCK_STREAM: "tcp", unix.SOCK_DGRAM: "udp"}[kind]
	if s.proto == "" {
		return s, syscall.EPROTOTYPE
	}
	s.network = s.proto + familyOf(s)
	return s, nil
}
