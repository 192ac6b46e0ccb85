package logging

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Options says where the log goes and how it rotates.
type Options struct {
	// Path is the log file; "" is stderr, "-" stdout. A file is created with
	// mode 0644 if it is missing, its directory is not. A symbolic link is
	// followed each time the file is opened. What is no regular file (a device, a
	// FIFO, which must have a reader) is written to and never rotated.
	Path string
	// RotateAge is how many rotated files are kept; 0 means no rotation.
	RotateAge int
	// RotateSize in bytes: before a record would make the file larger than this,
	// the file is rotated. A record that is longer goes whole into a file of its
	// own. 0 or less means no rotation.
	RotateSize int64
	// Compress gzips rotated files.
	Compress bool
	// Format of the Writer's own records: "text" (default) or "json".
	Format string
}

// tuning holds what only tests change.
type tuning struct {
	wait    time.Duration // how long a full buffer makes a Write wait
	hold    time.Duration // how long records of a failing file are held back before they go to stderr
	retry   time.Duration // between attempts to use a failing file, or to rotate again
	check   time.Duration // between looks at whether an idle log was moved
	close   time.Duration // the most that Close and the other operations wait for the disk
	pending int           // bytes that may wait for the disk
	write   func(*os.File, []byte) (int, error)
}

func defaultTuning() tuning {
	return tuning{
		wait:    time.Second,
		hold:    time.Second,
		retry:   100 * time.Millisecond,
		check:   2 * time.Second,
		close:   5 * time.Second,
		pending: 1 << 20,
		write:   (*os.File).Write,
	}
}

// ErrClosed is returned by a Writer's methods after Close.
var ErrClosed = fmt.Errorf("logging: the log is closed: %w", os.ErrClosed)

// ErrBusy means that the disk did not take what came before in time; the
// operation may still be done later.
var ErrBusy = errors.New("logging: the log is busy with a slow write")

// Writer is the one writer of a log. Any number of goroutines may call its
// methods. Records go through a bounded buffer to one goroutine, the only one
// that touches the file; each batch is one write(2).
type Writer struct {
	tune tuning
	kept *kept // the original descriptors 1 and 2

	mu       sync.Mutex
	pending  []byte        // accepted, not yet taken by the loop
	spare    []byte        // a buffer for the next pending
	accepted uint64        // bytes ever accepted
	settled  uint64        // bytes the loop is done with
	progress chan struct{} // closed and forgotten when settled or pending changes; nil if nobody waits
	stalled  bool          // a Write has timed out and the loop has not taken anything since
	dropped  uint64        // records dropped since the last notice
	failure  error         // why the file does not take records at present
	closed   bool

	lost   atomic.Uint64
	isJSON atomic.Bool
	wake   chan struct{} // has room for one: there is something pending
	ops    chan op
	quit   chan struct{}
	ended  chan struct{}

	log     *logFile // the loop's own, as are those below
	outage  outage
	janitor janitor
}

// op is work for the loop, done after all records accepted before it.
type op struct {
	do   func() error
	done chan error // has room for one
}

// Open opens the log and starts its goroutine. A file that cannot be opened now
// is an error; one that fails later is not, see [Writer.Write].
func Open(o Options) (*Writer, error) { return open(o, defaultTuning()) }

func open(o Options, t tuning) (*Writer, error) {
	isJSON, err := parseFormat(o.Format)
	if err != nil {
		return nil, err
	}
	k, err := keepStd()
	if err != nil {
		return nil, err
	}
	w := &Writer{
		tune: t, kept: k,
		wake: make(chan struct{}, 1), ops: make(chan op),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	w.isJSON.Store(isJSON)
	w.log, err = openLog(o, w)
	if err != nil {
		k.close()
		return nil, err
	}
	go w.loop()
	return w, nil
}

// Write accepts p, one or several whole records (a missing last newline is
// added), and returns before they are in the file. p may be reused.
//
// It waits for room in the buffer, at most a second; once a wait was in vain,
// later calls do not wait until the disk takes something again. What finds no
// room is dropped and counted, one record then says how many, and the result is
// nil all the same: a logger could only print that error to stderr. The same
// holds for a file that fails (full disk, removed directory): the error is
// printed once to stderr, records are held for a second, then go to stderr and
// are counted, while the file is tried again and again. After Close the error is
// [ErrClosed].
func (w *Writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	room := w.awaitRoom(len(p))
	if w.closed {
		return 0, ErrClosed
	}
	if !room {
		n := countRecords(p)
		w.dropped += n
		w.lost.Add(n)
		return len(p), nil
	}
	if len(w.pending) == 0 {
		signal(w.wake)
	}
	before := len(w.pending)
	w.pending = append(w.pending, p...)
	if p[len(p)-1] != '\n' {
		w.pending = append(w.pending, '\n')
	}
	w.accepted += uint64(len(w.pending) - before)
	return len(p), nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// awaitRoom waits until n bytes fit into the buffer and reports whether they do.
// An empty buffer takes anything. mu is held at the call and at the return.
func (w *Writer) awaitRoom(n int) bool {
	fits := func() bool { return len(w.pending) == 0 || len(w.pending)+n <= w.tune.pending }
	if fits() || w.closed || w.stalled {
		return fits()
	}
	timer := time.NewTimer(w.tune.wait)
	defer timer.Stop()
	for !fits() && !w.closed {
		if !w.awaitProgress(timer.C) {
			w.stalled = !fits()
			return fits()
		}
	}
	return fits()
}

// awaitProgress releases mu until the loop has made progress (true) or timeout
// fires or the loop has ended (false).
func (w *Writer) awaitProgress(timeout <-chan time.Time) bool {
	if w.progress == nil {
		w.progress = make(chan struct{})
	}
	progress := w.progress
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-progress:
		return true
	case <-timeout:
		return false
	case <-w.ended:
		return false
	}
}

// Lost returns how many records did not get into the log: dropped because the
// buffer was full, or sent to stderr because the file failed.
func (w *Writer) Lost() uint64 { return w.lost.Load() }

// Stderr returns the process's original stderr, also while CaptureStd is in
// force. It belongs to the Writer and is closed by Close.
func (w *Writer) Stderr() *os.File { return w.kept.file[1] }

// Flush waits until all records accepted so far are in the file (or counted as
// lost) or ctx ends. It does not sync the disk. The error is ctx's, or why the
// file takes no records at present.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for want := w.accepted; w.settled < want; {
		if w.progress == nil {
			w.progress = make(chan struct{})
		}
		progress := w.progress
		w.mu.Unlock()
		err := error(nil)
		select {
		case <-progress:
		case <-ctx.Done():
			err = fmt.Errorf("logging: flush: %w", context.Cause(ctx))
		case <-w.ended:
			err = ErrClosed
		}
		w.mu.Lock()
		if err != nil && w.settled < want {
			return err
		}
	}
	return w.failure
}

// do has the loop do something after all records accepted so far.
func (w *Writer) do(what string, f func() error) error {
	o := op{do: f, done: make(chan error, 1)}
	timer := time.NewTimer(w.tune.close)
	defer timer.Stop()
	select {
	case w.ops <- o:
	case <-timer.C:
		return fmt.Errorf("%s: %w", what, ErrBusy)
	case <-w.ended:
		return fmt.Errorf("%s: %w", what, ErrClosed)
	}
	select {
	case err := <-o.done:
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: %w", what, ErrBusy)
	}
}

// Reopen opens the path again, for a log that was renamed from outside. Records
// accepted before go to the old file. On an error the old file stays in use.
func (w *Writer) Reopen() error {
	return w.do("reopen the log", w.log.reopen)
}

// Reconfigure changes all options at once. Records accepted before go to the old
// file. If the new path cannot be opened, nothing changes and that is the error.
func (w *Writer) Reconfigure(o Options) error {
	isJSON, err := parseFormat(o.Format)
	if err != nil {
		return err
	}
	return w.do("reconfigure the log", func() error {
		if err := w.log.reconfigure(o); err != nil {
			return err
		}
		w.isJSON.Store(isJSON)
		return nil
	})
}

// CheckMoved reopens the path if it is no longer our file. The Writer does this
// by itself: when it writes, and every two seconds when it does not.
func (w *Writer) CheckMoved() error {
	return w.do("look for a moved log", func() error {
		_, err := w.log.follow()
		return err
	})
}

// CaptureStd makes the process's own descriptors 1 and/or 2 the log file itself,
// now and after each rotation or reopening; false gives the original back. While
// the log is stdout, stderr or nothing but a device, nothing is captured.
// On Windows it sets the standard handles and os.Stdout and os.Stderr.
func (w *Writer) CaptureStd(stdout, stderr bool) error {
	return w.do("capture stdout and stderr", func() error {
		w.kept.want = [2]bool{stdout, stderr}
		return w.log.capture()
	})
}

// Close writes what was accepted, gives descriptors 1 and 2 back, and closes the
// file. It waits for a slow disk at most five seconds and returns [ErrBusy] then.
// The error also says whether the file was failing at the end. Later calls return
// ErrClosed.
func (w *Writer) Close() error {
	w.mu.Lock()
	was := w.closed
	w.closed = true
	w.mu.Unlock()
	if was {
		return ErrClosed
	}
	close(w.quit)
	timer := time.NewTimer(w.tune.close)
	defer timer.Stop()
	select {
	case <-w.ended:
	case <-timer.C:
		return fmt.Errorf("close the log: %w", ErrBusy)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}
