package procbridge

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

const (
	defaultUserQueue = 1024     // user frames
	maxUserQueue     = 1 << 24  // likewise: a child makes room for all at its start
	maxUserBytes     = 16 << 20 // of user frames that wait; one frame may always wait
	writeChunk       = 64 << 10 // user frames go out in pieces of this, so that control frames can overtake
	keepBuffer       = 1 << 20  // larger buffers are given back after use
)

// outbox is the queue in front of one pipe and its writer.
//
// Frames are encoded where they are sent, so that the sender may reuse a body at once and a
// frame that cannot be encoded is the sender's error. Control frames are never refused and
// go before user frames that wait; user frames are bounded in number and in bytes. The
// writer takes whatever waits in one write: a lone frame goes out at once, a flood in
// pieces of 64 KiB.
type outbox struct {
	max, maxUsers int

	mu       sync.Mutex
	wake     sync.Cond // of the writer
	ctl      []byte    // encoded control frames
	user     []byte    // encoded user frames
	rest     []byte    // user frames that the writer took and has not begun to write
	users    int       // number of frames in user and rest
	writing  bool
	err      error         // why nothing is taken any more
	settled  chan struct{} // closed when nothing is left or err is set; nil when nobody waits
	start    time.Time
	wroteAt  atomic.Int64 // nanoseconds since start of the end of the last write
	finished chan struct{}
}

func newOutbox(w io.Writer, maxBody, userQueue int) *outbox {
	o := &outbox{max: maxBody, maxUsers: userQueue, start: time.Now(), finished: make(chan struct{})}
	if o.max <= 0 {
		o.max = DefaultMaxBody
	}
	if o.maxUsers <= 0 {
		o.maxUsers = defaultUserQueue
	}
	o.wake.L = &o.mu
	go o.run(w)
	return o
}

// control queues a frame that overtakes and is never refused for lack of room.
func (o *outbox) control(message any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	grown, err := o.encode(o.ctl, message)
	if err != nil {
		return err
	}
	o.ctl = grown
	o.wake.Signal()
	return nil
}

// deliver queues a user frame that waits its turn, or is refused with ErrBusy.
func (o *outbox) deliver(m *messages.Deliver) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.admit(TypeDeliver, 8+4+1+len(m.Type)+len(m.Body)); err != nil {
		return err
	}
	grown, err := appendDeliver(o.header(TypeDeliver), m)
	return o.queued(grown, err)
}

// reply is deliver for the way up.
func (o *outbox) reply(m *messages.Reply) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.admit(TypeReply, 8+1+1+len(m.Type)+max(len(m.Body), len(m.Err))); err != nil {
		return err
	}
	grown, err := appendReply(o.header(TypeReply), m)
	return o.queued(grown, err)
}

func (o *outbox) admit(t Type, size int) error {
	switch {
	case o.err != nil:
		return o.err
	case size > o.max:
		return fmt.Errorf("%s with a body of %d bytes: %w: at most %d", t, size, ErrTooLarge, o.max)
	case o.users >= o.maxUsers, o.users > 0 && len(o.user)+len(o.rest)+size > maxUserBytes:
		return ErrBusy
	}
	return nil
}

func (o *outbox) header(t Type) []byte {
	return append(o.user, magic0, magic1, FrameVersion, byte(t), 0, 0, 0, 0)
}

func (o *outbox) queued(grown []byte, err error) error {
	if err != nil {
		return err
	}
	at := len(o.user)
	binary.BigEndian.PutUint32(grown[at+4:], uint32(len(grown)-at-HeaderSize))
	o.user = grown
	o.users++
	o.wake.Signal()
	return nil
}

// raw queues bytes that are no frames, for a command that reads lines.
func (o *outbox) raw(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	if len(o.ctl)+len(line) > o.max {
		return ErrBusy
	}
	o.ctl = append(o.ctl, line...)
	o.wake.Signal()
	return nil
}

func (o *outbox) encode(dst []byte, message any) ([]byte, error) {
	out, err := Encode(dst, message)
	if err != nil {
		return dst, err
	}
	if size := len(out) - len(dst) - HeaderSize; size > o.max {
		return dst, fmt.Errorf("%T with a body of %d bytes: %w: at most %d", message, size, ErrTooLarge, o.max)
	}
	return out, nil
}

// close refuses everything from now on and drops what waits. A write under way ends when
// the owner closes the pipe.
func (o *outbox) close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closeLocked(err)
}

func (o *outbox) closeLocked(err error) {
	if o.err == nil {
		o.err = err
	}
	o.ctl, o.user, o.rest, o.users = nil, nil, nil, 0
	o.settle()
	o.wake.Signal()
}

// settle tells those who wait that nothing is left to write.
func (o *outbox) settle() {
	if o.settled != nil {
		close(o.settled)
		o.settled = nil
	}
}

// quiet is how long ago the last write ended; 0 while something waits or is being written.
func (o *outbox) quiet() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.writing || !o.emptyLocked() {
		return 0
	}
	return time.Since(o.start) - time.Duration(o.wroteAt.Load())
}

func (o *outbox) emptyLocked() bool { return len(o.ctl)+len(o.user)+len(o.rest) == 0 }

// flush waits until everything queued before is in the pipe.
func (o *outbox) flush(timeout time.Duration) error {
	o.mu.Lock()
	if o.err != nil || !o.writing && o.emptyLocked() {
		defer o.mu.Unlock()
		return o.err
	}
	if o.settled == nil {
		o.settled = make(chan struct{})
	}
	settled := o.settled
	o.mu.Unlock()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-settled:
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.err
	case <-timer.C:
		return fmt.Errorf("flush the pipe: %w after %s", os.ErrDeadlineExceeded, timeout)
	}
}

// run is the writer: the only goroutine that writes to the pipe.
func (o *outbox) run(w io.Writer) {
	defer close(o.finished)
	var ctl, user spare
	for {
		control, chunk, ok := o.take(&ctl, &user)
		if !ok {
			return
		}
		err := writeAll(w, control)
		if err == nil {
			err = writeAll(w, chunk)
		}
		o.wroteAt.Store(int64(time.Since(o.start)))
		if err != nil {
			o.close(fmt.Errorf("%w: %w", ErrClosed, err))
		}
	}
}

// spare is the second of two buffers: one is filled while the other is written.
type spare struct{ buf []byte }

func (s *spare) swap(filled []byte) (taken, empty []byte) {
	empty = s.buf[:0]
	if cap(empty) > keepBuffer {
		empty = nil
	}
	s.buf = filled
	return filled, empty
}

// take waits for something to write: all control frames, and a piece of the user frames.
func (o *outbox) take(ctl, user *spare) (control, chunk []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writing = false
	for o.err == nil && o.emptyLocked() {
		o.settle()
		o.wake.Wait()
	}
	if o.err != nil {
		return nil, nil, false
	}
	o.writing = true
	if len(o.ctl) > 0 {
		control, o.ctl = ctl.swap(o.ctl)
	}
	if len(o.rest) == 0 && len(o.user) > 0 {
		o.rest, o.user = user.swap(o.user)
	}
	n, frames := wholeFrames(o.rest, writeChunk)
	chunk, o.rest = o.rest[:n], o.rest[n:]
	o.users -= frames
	return control, chunk, true
}

// wholeFrames is how many bytes, and frames, fit limit: at least one frame, if there is one.
func wholeFrames(b []byte, limit int) (n, frames int) {
	for n < len(b) {
		next := n + HeaderSize + int(binary.BigEndian.Uint32(b[n+4:]))
		if next > limit && frames > 0 {
			break
		}
		n = next
		frames++
	}
	return n, frames
}

func writeAll(w io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	_, err := w.Write(b)
	return err
}
