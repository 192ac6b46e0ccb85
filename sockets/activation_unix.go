//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketID tells one socket from another that got its number.
type socketID struct{ dev, ino uint64 }

// startedWith are the announced descriptors that this process was started with. They are
// noted before main begins: at that time all that the process has opened itself is
// close-on-exec, and what came over the exec can't be.
var startedWith = noteInherited(announcement(os.Environ()))

func noteInherited(a activation) map[int]socketID {
	a[envListenPID] = strconv.Itoa(os.Getpid()) // whom it is for is looked at when they are taken
	announced, _ := a.parse(os.Getpid())
	noted := map[int]socketID{}
	for _, x := range announced {
		flags, err := unix.FcntlInt(uintptr(x.fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		if id, err := identifySocket(x.fd); err == nil {
			noted[x.fd] = id
		}
	}
	return noted
}

func identifySocket(fd int) (socketID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return socketID{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return socketID{}, syscall.ENOTSOCK
	}
	return socketID{uint64(st.Dev), uint64(st.Ino)}, nil
}

// inheritedFile takes a descriptor by its number, if it is a socket that this process was
// started with. Anything else stays as it is.
func inheritedFile(fd int, name string) (*os.File, error) {
	id, err := identifySocket(fd)
	if err != nil {
		return nil, fmt.Errorf("sockets: inherited descriptor %d (%s): %w", fd, name, err)
	}
	if noted, ok := startedWith[fd]; !ok || noted != id {
		return nil, fmt.Errorf("sockets: descriptor %d (%s) was not inherited: this process has opened it", fd, name)
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

// specOf reads from the kernel what a listening or datagram socket is bound to.
func specOf(fd int) (spec, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return spec{}, err
	}
	if kind != unix.SOCK_DGRAM {
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
			return spec{}, errors.Join(syscall.EINVAL, err)
		}
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
