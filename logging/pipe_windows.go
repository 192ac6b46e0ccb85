package logging

import (
	"fmt"
	"os"
	"sync/atomic"
)

// CreatePipe returns an anonymous pipe.
func CreatePipe() (r, w *os.File, err error) {
	r, w, err = os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("logging: create a pipe: %w", err)
	}
	return r, w, nil
}

// pipeReader reads a pipe; each waiting one takes a thread here.
type pipeReader struct {
	f           *os.File
	interrupted atomic.Bool
}

func newPipeReader(f *os.File) (*pipeReader, error) { return &pipeReader{f: f}, nil }

// read waits for data. The caller gives buf to buffers when it is through.
func (r *pipeReader) read() (buf *[readSize]byte, n int, err error) {
	buf = buffers.Get().(*[readSize]byte)
	n, err = r.f.Read(buf[:])
	return buf, n, err
}

// interrupt ends a wait in read; what the pipe holds is lost here.
func (r *pipeReader) interrupt() {
	r.interrupted.Store(true)
	_ = r.f.Close() // ends the read
}

func (r *pipeReader) close() {
	if !r.interrupted.Load() {
		_ = r.f.Close() // a read end has nothing to lose
	}
}
