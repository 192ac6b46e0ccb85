package logging

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// maxWait is how long a record waits for room in a pipe.
const maxWait = time.Second

// PipeWriter is the log of a child process: it writes each record to a pipe to
// the top process, in one write(2) as long as the pipe has room, and keeps
// nothing in the child. What Write returned for is out of the process, so it
// survives the process's death. Any number of goroutines may call its methods.
type PipeWriter struct {
	fallbackPath string
	lost         atomic.Uint64
	isJSON       atomic.Bool

	mu       sync.Mutex
	pipe     *pipeEnd
	wait     time.Duration
	owed     []byte // the end of something of which the pipe has the beginning
	dropped  uint64 // records since the last notice; while there are some, nobody waits
	gone     bool   // nobody reads the pipe any more
	fallback *os.File
	closed   bool
}

// NewPipeWriter returns a writer to f, the write end of a pipe whose read end a
// Collector reads as Records. It owns f from then on, also if f was inherited and
// blocks. When the reader is gone, records are appended to fallbackPath, each in
// one write(2); where that is "", "-" or fails, they are counted as lost. With an
// f that cannot be used it begins like that.
func NewPipeWriter(f *os.File, fallbackPath string) *PipeWriter {
	p := &PipeWriter{fallbackPath: fallbackPath, wait: maxWait}
	end, err := newPipeEnd(f)
	if err != nil {
		p.leave()
		return p
	}
	p.pipe = end
	return p
}

// SetFormat sets the format, "text" (default) or "json", of the writer's own
// records. An unknown format changes nothing and is an error.
func (p *PipeWriter) SetFormat(format string) error {
	isJSON, err := parseFormat(format)
	if err == nil {
		p.isJSON.Store(isJSON)
	}
	return err
}

// Lost returns how many records were dropped.
func (p *PipeWriter) Lost() uint64 { return p.lost.Load() }

// Write writes record, one whole record that ends with a newline. It waits at
// most a second for room; then the record is dropped and counted, later ones do
// not wait until the pipe has room again, and then a record says how many were
// dropped. A record that is longer than the pipe waits a second for each part; if
// it has to be given up, its beginning is terminated with "...". The error is
// nil, for a logger could only print it to stderr, except after Close: then it is
// [ErrClosed].
func (p *PipeWriter) Write(record []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return 0, ErrClosed
	case p.gone || p.settle():
		p.send(record)
	case p.gone: // noticed just now
		p.writeFallback(record)
	default:
		p.drop()
	}
	return len(record), nil
}

// settle writes what is owed, and the notice of what was dropped, without
// waiting, and reports whether the pipe is ready for a record.
func (p *PipeWriter) settle() bool {
	if len(p.owed) == 0 && p.dropped == 0 {
		return true
	}
	head := p.owed
	if p.dropped > 0 {
		head = appendNotice(head, p.isJSON.Load(), logrus.WarnLevel, fmt.Sprintf(
			"%d log records dropped: the pipe to the log was full", p.dropped))
	}
	n, err := p.pipe.write(head, 0)
	switch {
	case n == len(head):
		p.owed, p.dropped = nil, 0
		return true
	case n > 0:
		p.owed, p.dropped = append([]byte(nil), head[n:]...), 0
	case isGone(err):
		p.leave()
	}
	return false
}

// send writes a record, waiting for room.
func (p *PipeWriter) send(record []byte) {
	if p.gone {
		p.writeFallback(record)
		return
	}
	n, err := p.pipe.write(record, p.wait)
	switch {
	case err == nil:
	case isGone(err):
		p.leave()
		p.writeFallback(record)
	default:
		p.drop()
		if n > 0 {
			p.owed = []byte(mark + "\n")
		}
	}
}

func (p *PipeWriter) drop() {
	p.lost.Add(1)
	p.dropped++
}

// leave gives the pipe up.
func (p *PipeWriter) leave() {
	p.gone = true
	if p.pipe != nil {
		p.pipe.close()
	}
	if p.fallbackPath == "" || p.fallbackPath == "-" {
		return
	}
	f, err := openAppend(p.fallbackPath)
	if err != nil {
		return // records are counted as lost
	}
	p.fallback = f
}

func (p *PipeWriter) writeFallback(record []byte) {
	if p.fallback == nil {
		p.lost.Add(1)
		return
	}
	if _, err := p.fallback.Write(record); err != nil {
		p.lost.Add(1)
	}
}

// Close closes the pipe; the reader sees its end.
func (p *PipeWriter) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.closed = true
	if !p.gone {
		p.settle()
	}
	var err error
	if p.fallback != nil {
		err = p.fallback.Close()
	}
	if !p.gone {
		err = errors.Join(err, p.pipe.close())
	}
	return err
}
