//go:build unix

package sockets

import (
	"context"
	"net"
	"os"
	"syscall"
)

// listenPath makes the outsiders' socket with mode 0600. Where the kernel takes
// the mode from the descriptor there is not a moment with another one; elsewhere
// the peer check covers that moment.
func listenPath(path string) (*net.UnixListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return controlled(c, func(fd int) error {
			_ = syscall.Fchmod(fd, 0o600)
			return nil
		})
	}}
	var ul *net.UnixListener
	err := replacingStale("unix", path, func() error {
		ln, err := lc.Listen(context.Background(), "unix", path)
		if err != nil {
			return err
		}
		ul = ln.(*net.UnixListener)
		ul.SetUnlinkOnClose(false) // by inode, see fileID
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := makePrivate(path); err != nil {
		_ = ul.Close()
		_ = os.Remove(path)
		return nil, err
	}
	return ul, nil
}

// makePrivate names the file again, and so follows a link, only where the kernel
// did not take the mode from the descriptor.
func makePrivate(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() == 0o600 {
		return err
	}
	return os.Chmod(path, 0o600)
}
