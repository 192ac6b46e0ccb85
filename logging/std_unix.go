//go:build unix

package logging

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// stdNames are the names of descriptors 1 and 2.
var stdNames = [2]string{"stdout", "stderr"}

// dupStd duplicates descriptor 1+i to a number above 2, closed on exec: a write to
// 1 or 2 whose reader is gone would end the process, one to a duplicate is just
// an error. A closed descriptor becomes the null device.
func dupStd(i int) (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(1+i), unix.F_DUPFD_CLOEXEC, 3)
	if errors.Is(err, unix.EBADF) {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("keep %s aside: %w", stdNames[i], err)
	}
	return os.NewFile(uintptr(fd), stdNames[i]), nil
}

// setStd makes descriptor 1+i another name of f.
func setStd(i int, f *os.File) error {
	return control(f, func(fd int) error {
		if err := dup2(fd, 1+i); err != nil {
			return fmt.Errorf("capture %s: %w", stdNames[i], err)
		}
		return nil
	})
}

// control calls do with f's descriptor, without making f blocking as f.Fd() may.
func control(f *os.File, do func(fd int) error) error {
	rc, err := f.SyscallConn()
	if err != nil {
		return err
	}
	cerr := rc.Control(func(fd uintptr) { err = do(int(fd)) })
	return errors.Join(cerr, err)
}

func openAppend(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
}

// fileState returns f's size and whether no name leads to it any more. Unlike
// f.Stat it needs no memory.
func fileState(f *os.File) (size int64, gone bool, err error) {
	var st unix.Stat_t
	err = control(f, func(fd int) error { return unix.Fstat(fd, &st) })
	return st.Size, st.Nlink == 0, err
}
