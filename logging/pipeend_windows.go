package logging

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// pipeEnd is the write end of a pipe. Writes to pipes have no deadlines here, so
// a goroutine does those that may wait.
type pipeEnd struct {
	f      *os.File
	flight chan error // the result of a write that did not end in time; nil if there is none
}

func newPipeEnd(f *os.File) (*pipeEnd, error) { return &pipeEnd{f: f}, nil }

// write writes b. It waits at most wait for a write that is under way, and again
// for its own; one that is still under way then counts as done, for it is
// completed as soon as the pipe is read.
func (e *pipeEnd) write(b []byte, wait time.Duration) (n int, err error) {
	timer := time.NewTimer(max(wait, time.Millisecond))
	defer timer.Stop()
	if e.flight != nil {
		select {
		case err := <-e.flight:
			e.flight = nil
			if err != nil {
				return 0, err
			}
		case <-timer.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
	done := make(chan error, 1)
	b = append([]byte(nil), b...)
	go func() {
		_, err := e.f.Write(b)
		done <- err
	}()
	select {
	case err := <-done:
		return len(b), err
	case <-timer.C:
		e.flight = done
		return len(b), nil
	}
}

func (e *pipeEnd) close() error { return e.f.Close() }

// isGone tells whether nobody reads the pipe any more.
func isGone(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA) || errors.Is(err, os.ErrClosed)
}
