package sockets

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A socket file may have to wait for another process; nobody else waits with it.
func TestNobodyWaitsForTheLockOfADirectory(t *testing.T) {
	waitLong(t)
	dir := shortDir(t)
	release := must(lockDir(dir))(t)
	before := opensOf(t, dir)
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	opened := make(chan error, 1)
	go func() {
		ln, err := s.Listen("unix", filepath.Join(dir, "s"), ListenOptions{})
		if err == nil {
			err = ln.Close()
		}
		opened <- err
	}()
	eventually(t, "it waits for the lock", func() bool { return opensOf(t, dir) > before })
	answersOnce(t, must(c.Listen("tcp", "127.0.0.1:0"))(t))
	if err := s.SetSlots(3); err != nil {
		t.Error(err)
	}
	select {
	case err := <-opened:
		t.Errorf("it has not waited: %v", err)
	default:
	}
	release()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// waitLong makes the lock of a directory be waited for longer than any test.
func waitLong(t *testing.T) {
	usual := lockWait
	lockWait = time.Hour
	t.Cleanup(func() { lockWait = usual })
}

// opensOf counts the descriptors of this process that lead to a path.
func opensOf(t *testing.T, path string) (n int) {
	t.Helper()
	for _, e := range must(os.ReadDir("/proc/self/fd"))(t) {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && to == path {
			n++
		}
	}
	return n
}

// A name that is no directory is refused at once, whatever it is.
func TestSocketBelowAPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(shortDir(t), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Options{})
	if _, err := s.Listen("unix", filepath.Join(pipe, "s"), ListenOptions{}); err == nil {
		t.Error("it listens below a pipe")
	}
}
