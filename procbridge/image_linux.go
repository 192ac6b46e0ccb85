package procbridge

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const selfExe = "/proc/self/exe"

// imageFD is the lowest descriptor number of an image. Passing descriptors to a child
// overwrites low numbers before the image is executed.
const imageFD = 200

func (i *Image) open(file string, _ os.FileInfo) error {
	// O_PATH asks for no right to read: a program may be executable only.
	low, err := unix.Open(file, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return explain(err, subject{path: i.path})
	}
	defer unix.Close(low)
	var stat unix.Stat_t
	if err := unix.Fstat(low, &stat); err != nil {
		return explain(fmt.Errorf("fstat: %w", err), subject{path: i.path})
	}
	i.id = fileID{
		dev: uint64(stat.Dev), ino: stat.Ino, size: stat.Size, //nolint:unconvert // Dev is narrower elsewhere
		mtime: time.Unix(stat.Mtim.Unix()),
	}
	if unix.Access(fdPath(low), unix.F_OK) != nil {
		return nil // no /proc: starts go by the path
	}
	if isScript(fdPath(low)) {
		return nil
	}
	i.fd, err = dupAbove(low, imageFD)
	if err != nil {
		return explain(err, subject{path: i.path})
	}
	return nil
}

func (i *Image) close() {
	if i.fd >= 0 {
		unix.Close(i.fd) // nothing was written: there is no error to lose
		i.fd = -1
	}
}

// execPath is what to execute for a start that passes count descriptors, the highest of
// them highest here. The number is new for each start: the runtime uses, in the child, the
// numbers below count and the next few above highest.
func (i *Image) execPath(count, highest int) (path string, done func(), err error) {
	if i.fd < 0 {
		return i.path, func() {}, nil
	}
	fd, err := dupAbove(i.fd, max(imageFD, count, highest+count+2))
	if err != nil {
		return "", nil, err
	}
	return fdPath(fd), func() { unix.Close(fd) }, nil
}

func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// dupAbove duplicates a descriptor to the first free number from lowest on.
func dupAbove(fd, lowest int) (int, error) {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowest)
	if errors.Is(err, syscall.EINVAL) { // lowest is not below RLIMIT_NOFILE
		err = syscall.EMFILE
	}
	if err != nil {
		return -1, fmt.Errorf("duplicate the program's descriptor to a number from %d: %w", lowest, err)
	}
	return n, nil
}

// isScript reports whether a program names an interpreter.
func isScript(path string) bool { return bytes.HasPrefix(head(path), []byte("#!")) }
