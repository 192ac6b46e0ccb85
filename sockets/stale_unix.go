//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait bounds how long a bind waits for another process in the same
// directory. Tests change it.
var lockWait = 2 * time.Second

// replacingStale runs bind; if the path is taken by a socket that nobody
// listens on, the file is removed and bind runs again. All of it happens under
// a lock of the directory: of two processes that find the same dead file, the
// second must not remove what the first has just bound. It may take as long as
// the lock and an answer there: nobody else of this process may have to wait.
func replacingStale(proto, path string, bind func() error) error {
	unlock, lockErr := lockDir(filepath.Dir(path))
	if lockErr != nil {
		return bind() // without a lock nothing may be removed
	}
	defer unlock()
	err := bind()
	if !errors.Is(err, syscall.EADDRINUSE) || !stale(proto, path) {
		return err
	}
	if rmErr := os.Remove(path); rmErr != nil && !errors.Is(rmErr, fs.ErrNotExist) {
		return fmt.Errorf("%w (nobody listens there, but: %w)", err, rmErr)
	}
	return bind()
}

// stale is sure only if the kernel says that nobody has the socket.
func stale(proto, path string) bool {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil || info.Mode()&fs.ModeSocket == 0 {
		return false
	}
	c, err := net.DialTimeout(proto, path, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// lockDir takes the advisory lock of a directory; no file is made for it.
func lockDir(dir string) (unlock func(), err error) {
	// Only a directory: to open a pipe with a name could take for ever.
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	deadline := time.Now().Add(lockWait)
	for {
		err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { closeFD(fd) }, nil
		}
		if time.Now().After(deadline) {
			closeFD(fd)
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
