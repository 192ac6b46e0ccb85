//go:build unix

package sigdump

import (
	"fmt"
	"os"
	"syscall"
)

// open opens a file for appending in a directory where other users may have put something
// in its place.
func open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w (a link in its place is not followed)", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(path, info)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	return f, nil
}

func ours(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a plain file: remove it", path)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && (int(st.Uid) != os.Geteuid() || st.Nlink != 1) {
		return fmt.Errorf("%s belongs to somebody else: remove it or set sigdump_dir", path)
	}
	return nil
}
