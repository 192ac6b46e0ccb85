package procbridge

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Image is a program file, opened: lives started from it run the same code although the
// file is replaced or deleted meanwhile. On Linux it is a descriptor (200 or above, closed
// on exec) and a start executes /proc/self/fd/N; where there is no /proc, and for a script
// (its interpreter needs a name to open), it is the path, looked up again at each start.
//
// An Image is counted: whoever keeps it longer than the call it was given for Retains it.
type Image struct {
	path string
	id   fileID
	fd   int // -1 where starts go by the path
	refs atomic.Int64
}

// fileID says whether two opened files are the same program. Size and time are for file
// systems that use an inode again at once, and for files overwritten in place.
type fileID struct {
	dev, ino uint64
	size     int64
	mtime    time.Time
}

// OpenImage opens the program at path, which must be a regular file that may be executed.
// Symlinks are followed now; [Image.Path] stays as given. The error is a *StartError.
// The caller owns one count.
func OpenImage(path string) (*Image, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &StartError{Path: path, Problem: "no absolute path for it: " + err.Error(), Err: err}
	}
	return openImage(abs, abs)
}

// CurrentImage opens the program that is running, on Linux also when its file is replaced
// or deleted. The error is a *StartError. The caller owns one count.
func CurrentImage() (*Image, error) {
	path, err := ResolveProgram()
	if err != nil {
		return nil, &StartError{Path: os.Args[0], Problem: "where this program lies is unknown", Err: err}
	}
	if _, err := os.Stat(selfExe); err == nil {
		return openImage(path, selfExe)
	}
	exe, err := os.Executable()
	if err != nil {
		exe = path
	}
	return openImage(path, exe)
}

// openImage opens file and calls it path.
func openImage(path, file string) (*Image, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, explain(err, subject{path: path})
	}
	if err := checkProgram(path, st); err != nil {
		return nil, err
	}
	i := &Image{path: path, fd: -1}
	if err := i.open(file, st); err != nil {
		return nil, err
	}
	i.refs.Store(1)
	return i, nil
}

// Path is where the image was opened.
func (i *Image) Path() string { return i.path }

// Same reports whether both are the same file, unchanged: device, inode, size and
// modification time.
func (i *Image) Same(other *Image) bool {
	if i == nil || other == nil {
		return i == other
	}
	a, b := i.id, other.id
	return a.dev == b.dev && a.ino == b.ino && a.size == b.size && a.mtime.Equal(b.mtime)
}

// Retain adds a count, for a second owner. It panics on an image that is closed.
func (i *Image) Retain() *Image {
	if i.refs.Add(1) <= 1 {
		panic("procbridge: Retain of a released image")
	}
	return i
}

// Release gives a count back; the last one closes the file. Processes started from it are
// not concerned. It panics when there is no count left.
func (i *Image) Release() {
	switch n := i.refs.Add(-1); {
	case n == 0:
		i.close()
	case n < 0:
		panic("procbridge: Release of a released image")
	}
}

// resolved keeps the first answer: a later change of directory or PATH must not change it.
var resolved = sync.OnceValues(resolve)

// ResolveProgram is the path that this program was started by, absolute, symlinks kept:
// opening it again finds a newer version behind a switched link. In a child of a bridge it
// is the path of the image that its parent started. It is computed at the first call.
func ResolveProgram() (string, error) { return resolved() }

func resolve() (string, error) {
	if p, err := Inherited(); err == nil && p != nil && p.grant.Path != "" {
		return p.grant.Path, nil
	}
	if len(os.Args) > 0 && os.Args[0] != "" {
		found, err := exec.LookPath(os.Args[0])
		if err == nil || errors.Is(err, exec.ErrDot) {
			if abs, err := filepath.Abs(found); err == nil {
				return abs, nil
			}
		}
	}
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the path of this program: %w", err)
	}
	return exe, nil
}
