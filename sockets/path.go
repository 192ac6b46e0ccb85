package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// checkPath refuses what the kernel would refuse with EINVAL.
func checkPath(path string) error {
	if len(path) > maxPath {
		return fmt.Errorf("the path of a unix socket has at most %d bytes, %q has %d: %w", maxPath, clip(path, 160), len(path), ErrTooLarge)
	}
	if strings.IndexByte(path, 0) >= 0 {
		return fmt.Errorf("the path %q has a zero byte: %w", path, ErrBadRequest)
	}
	return nil
}

// fileID remembers which file a path was, so that nobody else's is removed.
type fileID struct {
	path string
	info fs.FileInfo
}

func identify(path string) (fileID, error) {
	abs, err := filepath.Abs(path) // the directory may change until it is removed
	if err != nil {
		return fileID{}, err
	}
	info, err := os.Lstat(abs)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", errNoIdentity, err)
	}
	return fileID{path: abs, info: info}, err
}

// current says whether the path still is that file.
func (f fileID) current() bool {
	if f.info == nil {
		return false
	}
	now, err := os.Lstat(f.path)
	return err == nil && os.SameFile(f.info, now)
}

// remove leaves alone what is not that file any more.
func (f fileID) remove() error {
	if !f.current() {
		return nil
	}
	if err := os.Remove(f.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
