//go:build unix

package logging

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pipeEnd is the write end of a pipe, with a bound on how long a write waits.
type pipeEnd struct {
	f  *os.File
	rc syscall.RawConn

	try     func(fd uintptr) bool // one write of p
	p       []byte
	n       int
	err     error
	waiting bool // the poller is to be asked for room
}

func newPipeEnd(f *os.File) (*pipeEnd, error) {
	f, err := nonblocking(f)
	if err != nil {
		return nil, err
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	e := &pipeEnd{f: f, rc: rc}
	e.try = e.writeOnce
	return e, nil
}

// write writes b, all in one write(2) if the pipe has room. Without room it waits
// for at most wait since the last byte went in, and the error is then
// os.ErrDeadlineExceeded. n is what is in the pipe.
func (e *pipeEnd) write(b []byte, wait time.Duration) (n int, err error) {
	e.waiting = false
	for n < len(b) && err == nil {
		e.p, e.n, e.err = b[n:], 0, nil
		err = e.rc.Write(e.try)
		n += e.n
		switch {
		case err != nil || n == len(b):
		case e.err != nil && e.err != unix.EAGAIN:
			err = e.err
		case wait <= 0:
			err = os.ErrDeadlineExceeded
		default:
			e.waiting = true
			err = e.f.SetWriteDeadline(time.Now().Add(wait))
		}
	}
	if e.waiting {
		// An expired deadline would refuse the next write even if there is room.
		err = errors.Join(err, e.f.SetWriteDeadline(time.Time{}))
	}
	return n, err
}

// writeOnce reports whether the caller need not wait for room.
func (e *pipeEnd) writeOnce(fd uintptr) bool {
	for {
		e.n, e.err = unix.Write(int(fd), e.p)
		if e.err != unix.EINTR {
			break
		}
	}
	e.n = max(e.n, 0)
	return e.err != unix.EAGAIN || !e.waiting
}

func (e *pipeEnd) close() error { return e.f.Close() }

// isGone tells whether nobody reads the pipe any more.
func isGone(err error) bool {
	return errors.Is(err, unix.EPIPE) || errors.Is(err, os.ErrClosed) || errors.Is(err, unix.EBADF)
}
