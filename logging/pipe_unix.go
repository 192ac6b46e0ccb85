//go:build unix

package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CreatePipe returns a pipe that children do not inherit unless told to. w
// blocks, as a child's stdout must; r does not. On Linux the pipe holds 256 KiB
// if the limit on a user's pipe memory (64 MiB unless root, for all processes
// together) allows that, elsewhere what the system gives.
func CreatePipe() (r, w *os.File, err error) {
	r, w, err = os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("logging: create a pipe: %w", err)
	}
	w.Fd() // has the side effect that w blocks, also for who inherits it
	enlarge(w)
	return r, w, nil
}

// nonblocking returns another os.File of f's pipe that does not block and that
// the poller watches, and closes f. An inherited descriptor blocks, whatever it was
// at its creator, and os.NewFile looks at the flag only once.
func nonblocking(f *os.File) (*os.File, error) {
	defer f.Close()
	fd := -1
	err := control(f, func(old int) (err error) {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 3)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("duplicate a pipe: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("set a pipe non-blocking: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// pipeReader reads a pipe, with a borrowed buffer only while there is data.
type pipeReader struct {
	f   *os.File
	rc  syscall.RawConn
	try func(fd uintptr) bool // one read, into the fields below

	buf *[readSize]byte
	n   int
	err error

	interrupted atomic.Bool
	left        int // bytes that are still read after an interruption
}

func newPipeReader(f *os.File) (*pipeReader, error) {
	f, err := nonblocking(f)
	if err != nil {
		return nil, err
	}
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := &pipeReader{f: f, rc: rc, left: maxPipe}
	r.try = r.readOnce
	return r, nil
}

// maxPipe is the most that a pipe holds, in bytes, unless root wants more.
const maxPipe = 1 << 20

// readOnce reads without waiting and reports whether there was anything: data,
// the end or an error.
func (r *pipeReader) readOnce(fd uintptr) bool {
	r.buf = buffers.Get().(*[readSize]byte)
	for {
		r.n, r.err = unix.Read(int(fd), r.buf[:])
		if r.err != unix.EINTR {
			break
		}
	}
	if r.err == unix.EAGAIN {
		buffers.Put(r.buf)
		r.buf, r.n = nil, 0
		return false
	}
	if r.n == 0 && r.err == nil {
		r.err = io.EOF
	}
	return true
}

// read waits for data. The caller gives buf, if not nil, to buffers when it is
// through. After interrupt it reads what the pipe holds and then ends.
func (r *pipeReader) read() (buf *[readSize]byte, n int, err error) {
	if !r.interrupted.Load() {
		err = r.rc.Read(r.try)
		if err == nil {
			return r.buf, max(r.n, 0), r.err
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, 0, err
		}
	}
	return r.drain()
}

// drain reads without waiting; RawConn.Read refuses to after its deadline.
func (r *pipeReader) drain() (buf *[readSize]byte, n int, err error) {
	there := false
	if cerr := r.rc.Control(func(fd uintptr) { there = r.left > 0 && r.readOnce(fd) }); cerr != nil {
		return nil, 0, cerr
	}
	if !there {
		return nil, 0, io.EOF
	}
	r.left -= max(r.n, 0)
	return r.buf, max(r.n, 0), r.err
}

// interrupt ends a wait in read; any goroutine may call it.
func (r *pipeReader) interrupt() {
	r.interrupted.Store(true)
	_ = r.f.SetReadDeadline(time.Unix(1, 0)) // fails only if it is closed already
}

func (r *pipeReader) close() { _ = r.f.Close() } // a read end has nothing to lose
