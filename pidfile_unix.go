//go:build unix

package serverengine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pidFile is a file with this process's pid, locked for as long as the process lives. The
// lock says whether the process of a file still runs; the number alone could be anybody's.
type pidFile struct {
	path string
	mu   sync.Mutex
	file *os.File // holds the lock
}

// writePidFile makes the pid file. A file left by a process that is gone is taken over; if
// the process runs, the error says its pid. An empty path makes none.
func writePidFile(path string) (*pidFile, error) {
	if path == "" {
		return nil, nil
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, pidError(path, err)
	}
	var takeover *takeoverError
	for range 100 { // each turn lost means that somebody else has made progress
		p, err := tryPidFile(path)
		if errors.As(err, &takeover) {
			time.Sleep(takeoverWait)
			continue
		}
		if p != nil || err != nil {
			return p, err
		}
	}
	if takeover != nil {
		return nil, takeover.held
	}
	return nil, pidError(path, errors.New("others write it all the time"))
}

// takeoverError says that a file is locked although nobody has the number in it: somebody
// is about to put another file in its place, which will tell who. If that goes on, the
// number is one of another container, and held is the truth.
type takeoverError struct{ held error }

func (e *takeoverError) Error() string { return e.held.Error() }

// takeoverWait is the time from one look at a takeover to the next.
const takeoverWait = 5 * time.Millisecond

func pidError(path string, err error) error {
	return &ConfigError{Key: "pid_path", Value: path, Problem: err.Error(), Hint: "give a path in a directory that this user may write"}
}

// tryPidFile returns nothing at all when it lost a race.
func tryPidFile(path string) (*pidFile, error) {
	stale, err := lockExisting(path)
	if err != nil {
		return nil, err
	}
	if stale != nil {
		defer stale.Close() // and with it the lock on the old file
	}
	fresh, err := newPidFile(path)
	if err != nil {
		return nil, pidError(path, err)
	}
	name := fresh.Name()
	if stale != nil {
		err = os.Rename(name, path) // nobody else can: they wait for the old file's lock
	} else if err = os.Link(name, path); err == nil || errors.Is(err, os.ErrExist) {
		_ = os.Remove(name) // the link is the file now, or somebody else's is
	}
	if err == nil {
		return &pidFile{path: path, file: fresh}, nil
	}
	_ = fresh.Close() // nothing buffered, and not the pid file
	if errors.Is(err, os.ErrExist) {
		return nil, nil
	}
	_ = os.Remove(name)
	return nil, pidError(path, err)
}

// lockExisting locks the file that is there; nil when there is none.
func lockExisting(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pidError(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		return nil, heldError(path, f)
	}
	if !samePath(f, path) { // replaced between open and lock: look again
		_ = f.Close()
		return lockExisting(path)
	}
	return f, nil
}

func heldError(path string, f *os.File) error {
	b := make([]byte, 32)
	n, _ := f.ReadAt(b, 0) // an unreadable number is shown as an empty one
	number := strings.TrimSpace(string(b[:n]))
	pid, err := strconv.Atoi(number)
	if err != nil { // the file may be anybody's, and hold anything
		number = strconv.Quote(number)
	}
	held := &ConfigError{Key: "pid_path", Value: path,
		Problem: "is held by a process that runs, pid " + number,
		Hint:    "stop that one first, or give this one another pid_path"}
	if err != nil || pid <= 0 || errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return &takeoverError{held}
	}
	return held
}

// newPidFile writes and locks the file aside.
func newPidFile(path string) (*os.File, error) {
	name := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	_ = os.Remove(name) // left by a process of the same number
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(strconv.Itoa(os.Getpid()) + "\n")
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		_ = os.Remove(name)
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func samePath(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(ours, there)
}

// give makes the file belong to the user that the process is going to be.
func (p *pidFile) give(uid, gid int) error {
	if p == nil {
		return nil
	}
	return p.file.Chown(uid, gid)
}

// remove removes the file if it is still ours. It may be called on nil, twice, and by
// several goroutines.
func (p *pidFile) remove() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil {
		return nil
	}
	var err error
	if samePath(p.file, p.path) {
		if err = os.Remove(p.path); err != nil {
			err = fmt.Errorf("the pid file stays, since this user may not remove it from its directory: %w", err)
		}
	}
	_ = p.file.Close()
	p.file = nil
	return err
}
