package logging

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// Kind says what the bytes of a pipe are.
type Kind int

// The kinds of pipes.
const (
	Records Kind = iota // whole records in the log's format, passed through unchanged
	Stdout              // what a process prints; each line becomes a record
	Stderr              // the same
)

func (k Kind) String() string {
	switch k {
	case Records:
		return "records"
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// Stream is the read end of a pipe of a child process.
type Stream struct {
	Kind Kind
	// File is the read end. The Collector owns it from the call of Add on and
	// closes it.
	File *os.File
	// Incarnation names the life of the process: its streams share it.
	Incarnation string
	// Worker is the worker's slot; -1 for a server process.
	Worker int
	// Name, if not empty, becomes the field "process" of captured lines.
	Name string
}

// Limits of the Collector, in bytes unless said.
const (
	// MaxRecord is the longest record that is kept in one piece. A longer one is
	// cut: "..." ends each piece but the last, a tab and "..." begin the next.
	MaxRecord = 1 << 20
	// MaxLine is the same for a captured line; each piece is a record of its own.
	MaxLine = 64 << 10

	tailLines  = 20  // lines kept of what an incarnation printed
	tailLength = 500 // of each of them
	keepEnded  = 64  // incarnations remembered after their end
)

// Collector reads the pipes of child processes and writes their records to one
// io.Writer, several whole records in each Write. It always reads, so a child
// never waits for anything but that Writer. Any number of goroutines may call its
// methods.
type Collector struct {
	out    io.Writer
	isJSON atomic.Bool
	lost   atomic.Uint64

	mu      sync.Mutex
	lives   map[string]*life
	idle    []string // incarnations without open streams, oldest first
	streams map[*stream]struct{}
	closed  bool
	readers sync.WaitGroup
}

// life is what is known of an incarnation.
type life struct {
	pid     atomic.Int64
	open    int // streams
	waiting []func([]string)
	tail    tail
}

// NewCollector returns a Collector that writes to w. format, "text" or "json", is
// that of captured lines; the empty one, and an unknown one, is text.
func NewCollector(w io.Writer, format string) *Collector {
	c := &Collector{out: w, lives: map[string]*life{}, streams: map[*stream]struct{}{}}
	isJSON, _ := parseFormat(format) // text for an unknown name, as documented
	c.isJSON.Store(isJSON)
	return c
}

// SetFormat changes the format of lines captured from now on. An unknown format
// changes nothing and is an error.
func (c *Collector) SetFormat(format string) error {
	isJSON, err := parseFormat(format)
	if err == nil {
		c.isJSON.Store(isJSON)
	}
	return err
}

// Add starts to read s until its end. On an error, and after Close, s.File is
// closed and not read.
func (c *Collector) Add(s Stream) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = s.File.Close() // nobody reads it
		return fmt.Errorf("collect %s of %s: %w", s.Kind, s.Incarnation, ErrClosed)
	}
	r, err := newPipeReader(s.File)
	if err != nil {
		return fmt.Errorf("collect %s of %s: %w", s.Kind, s.Incarnation, err)
	}
	l := c.life(s.Incarnation)
	if l.open == 0 {
		c.setBusy(s.Incarnation)
	}
	l.open++
	st := newStream(c, s, r, l)
	c.streams[st] = struct{}{}
	c.readers.Add(1)
	go st.run()
	return nil
}

// life returns the entry of an incarnation; a new one is idle. mu is held.
func (c *Collector) life(incarnation string) *life {
	l := c.lives[incarnation]
	if l == nil {
		l = &life{}
		c.lives[incarnation] = l
		c.setIdle(incarnation)
	}
	return l
}

// setIdle remembers that an incarnation has no open stream, and forgets the
// oldest such. mu is held.
func (c *Collector) setIdle(incarnation string) {
	c.idle = append(c.idle, incarnation)
	if len(c.idle) > keepEnded {
		delete(c.lives, c.idle[0])
		c.idle = append(c.idle[:0], c.idle[1:]...)
	}
}

func (c *Collector) setBusy(incarnation string) {
	for i, name := range c.idle {
		if name == incarnation {
			c.idle = append(c.idle[:i], c.idle[i+1:]...)
			return
		}
	}
}

// ended is called by each stream at its end.
func (c *Collector) ended(s *stream) {
	c.mu.Lock()
	delete(c.streams, s)
	l := s.life
	l.open--
	var waiting []func([]string)
	if l.open == 0 {
		waiting, l.waiting = l.waiting, nil
		c.setIdle(s.src.Incarnation)
	}
	c.mu.Unlock()
	if len(waiting) > 0 {
		lines := l.tail.lines()
		for _, done := range waiting {
			done(lines)
		}
	}
}

// SetPid sets the pid that is printed with captured lines of an incarnation; it
// is 0 before.
func (c *Collector) SetPid(incarnation string, pid int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life(incarnation).pid.Store(int64(pid))
}

// Wait calls done once, with the incarnation's Tail, when all its streams that
// were added have ended: everything its process wrote has been handed to the
// io.Writer then. Without open streams it is called at once, from Wait itself, else from
// a reader's goroutine; it must not block. A grandchild that holds a pipe open
// delays the end for as long as it lives.
func (c *Collector) Wait(incarnation string, done func(tail []string)) {
	c.mu.Lock()
	l := c.lives[incarnation]
	if l != nil && l.open > 0 {
		l.waiting = append(l.waiting, done)
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	if l == nil {
		done(nil)
		return
	}
	done(l.tail.lines())
}

// Tail returns the last 20 lines (at most 500 bytes of each) that an incarnation
// printed to stdout and stderr, oldest first. It is kept for the 64
// incarnations that ended last.
func (c *Collector) Tail(incarnation string) []string {
	c.mu.Lock()
	l := c.lives[incarnation]
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.tail.lines()
}

// Lost returns how many records the io.Writer refused with an error. A Writer
// never does before its Close; it counts by itself.
func (c *Collector) Lost() uint64 { return c.lost.Load() }

// Close takes no more streams and waits for the end of those there are. When ctx
// ends first, what the pipes hold at that moment is still read, they are closed,
// and the error is ctx's.
func (c *Collector) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		c.readers.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	for s := range c.streams {
		s.reader.interrupt()
	}
	c.mu.Unlock()
	<-ended
	return fmt.Errorf("logging: close the collector: %w", context.Cause(ctx))
}

// emit hands whole records to the io.Writer.
func (c *Collector) emit(b []byte) {
	if len(b) == 0 {
		return
	}
	if _, err := c.out.Write(b); err != nil {
		c.lost.Add(countRecords(b))
	}
}
