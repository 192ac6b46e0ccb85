//go:build unix

package sockets

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dupFD copies a descriptor, close-on-exec from the first moment.
func dupFD(fd int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("fcntl", err)
	}
	return n, nil
}

// dupConn copies the descriptor of a file, connection or listener without
// File.Fd, which would make the description blocking for everybody.
func dupConn(c syscall.Conn) (int, error) {
	fd := -1
	err := onDescriptor(c, func(from int) (err error) {
		fd, err = dupFD(from)
		return err
	})
	return fd, err
}

func closeFDs(fds []int) {
	for _, fd := range fds {
		closeFD(fd)
	}
}

func closeFD(fd int) {
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

// fileOf wraps a descriptor that is ours. Sockets and pipes become
// non-blocking first: os.NewFile looks at the flag, and only then has the file
// deadlines and a Close that unblocks its readers.
func fileOf(fd int, name string) *os.File {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) == nil {
		if t := st.Mode & unix.S_IFMT; t == unix.S_IFSOCK || t == unix.S_IFIFO {
			_ = unix.SetNonblock(fd, true)
		}
	}
	return os.NewFile(uintptr(fd), name)
}

func isPacketSocket(f *os.File) (bool, error) {
	kind := 0
	err := onDescriptor(f, func(fd int) (err error) {
		kind, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
		return os.NewSyscallError("getsockopt", err)
	})
	if err != nil {
		return false, err
	}
	if kind != unix.SOCK_STREAM && kind != unix.SOCK_SEQPACKET {
		return false, fmt.Errorf("a socket of type %d", kind)
	}
	return kind == unix.SOCK_SEQPACKET, nil
}

// ctrunc is the flag of a message whose descriptors did not all find room.
const ctrunc = unix.MSG_CTRUNC

func oobSpace(n int) int { return unix.CmsgSpace(4 * n) }

func encodeRights(fds []int) []byte { return unix.UnixRights(fds...) }

// decodeRights returns what came even if part of it is not understood.
func decodeRights(oob []byte) ([]int, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var all []int
	for i := range msgs {
		fds, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			continue // credentials and the like: nobody asked for them
		}
		all = append(all, fds...)
	}
	return all, nil
}
