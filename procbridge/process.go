package procbridge

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// eventQueue is how many events wait for a slow consumer before the child's pipe does.
const eventQueue = 64

// Process is a child process and its pipes, from [Start]. Three goroutines of this package
// hold it until it is dead and reaped, whatever its user does or forgets: one reads, one
// writes, one waits. All methods may be called at any time from any goroutine, and none
// blocks.
type Process struct {
	os    *os.Process
	pid   int
	tree  tree // what dies with it
	queue *outbox
	down  *os.File // nil for a plain command without Lines
	up    *os.File // nil for a plain command
	wire  bool
	max   int

	events chan Event
	upDone chan struct{} // the reader has ended
	dying  chan struct{} // closed when the process is seen dead

	// mu guards dead: while it is held and dead is false the process is not reaped, so that
	// its pid and its group's number belong to nobody else.
	mu   sync.Mutex
	dead bool

	start   time.Time
	seen    atomic.Int64 // nanoseconds from start to the last complete frame
	skipped atomic.Uint64
}

// Pid is the process's number. It may belong to a stranger after Exited.
func (p *Process) Pid() int { return p.pid }

// Send queues a control frame. It never waits and is never refused for lack of room;
// control frames keep their order and overtake user frames that wait. After the end of the
// process, of its end of the pipe, or of the life-line the error is [ErrClosed]; a
// message above the cap is [ErrTooLarge]. A nil error does not say that the child read it.
func (p *Process) Send(c messages.Command) error {
	if !p.wire {
		return fmt.Errorf("send %s: a plain command takes no frames: %w", c, ErrNotForWire)
	}
	if d, ok := c.(messages.Deliver); ok {
		return p.Deliver(d)
	}
	if err := p.queue.control(c); err != nil {
		return fmt.Errorf("send %s to pid %d: %w", c, p.pid, err)
	}
	return nil
}

// Deliver queues a user frame. It never waits: [ErrBusy] when the queue is full,
// [ErrTooLarge] above the cap, [ErrClosed] as for Send. The body may be reused at once.
func (p *Process) Deliver(d messages.Deliver) error {
	if !p.wire {
		return fmt.Errorf("deliver: a plain command takes no frames: %w", ErrNotForWire)
	}
	err := p.queue.deliver(&d)
	if err == nil || errors.Is(err, ErrBusy) { // the hot path allocates nothing
		return err
	}
	return fmt.Errorf("deliver to pid %d: %w", p.pid, err)
}

// WriteLine queues a word and a newline for the stdin of a command started with Lines. It
// never waits: [ErrBusy] when MaxBody bytes of words wait, [ErrClosed] as for Send.
func (p *Process) WriteLine(word string) error {
	switch {
	case p.queue == nil || p.wire:
		return fmt.Errorf("write %s: the command was not started with Lines: %w", word, ErrNotForWire)
	case strings.ContainsAny(word, "\r\n"):
		return fmt.Errorf("write %q: a word is one line", word)
	}
	if err := p.queue.raw([]byte(word + "\n")); err != nil {
		return fmt.Errorf("write %s to pid %d: %w", word, p.pid, err)
	}
	return nil
}

// Flush waits until everything queued is in the pipe, at most timeout
// (os.ErrDeadlineExceeded). Unlike the other methods it blocks.
func (p *Process) Flush(timeout time.Duration) error {
	if p.queue == nil {
		return nil
	}
	return p.queue.flush(timeout)
}

// Signal sends a signal to the process alone. After its end the error is
// os.ErrProcessDone: never does a signal reach a stranger. On Windows there is only Kill.
func (p *Process) Signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return os.ErrProcessDone
	}
	if err := p.signal(s); err != nil {
		return fmt.Errorf("signal %s to pid %d: %w", SignalName(s), p.pid, err)
	}
	return nil
}

// SignalGroup is Signal to the child's whole process group; with SameGroup to the process
// alone.
func (p *Process) SignalGroup(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return os.ErrProcessDone
	}
	if err := p.signalTree(s); err != nil {
		return fmt.Errorf("signal %s to the group of pid %d: %w", SignalName(s), p.pid, err)
	}
	return nil
}

// Kill ends the process and its group at once, as far as the system can. Exited follows.
func (p *Process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return os.ErrProcessDone
	}
	if err := p.killTree(); err != nil {
		return fmt.Errorf("kill pid %d: %w", p.pid, err)
	}
	return nil
}

// CloseLifeline closes the down pipe (of a Lines command: its stdin): the child sees its
// parent gone, as if this process had died. What was queued and is not in the pipe is lost;
// Flush first where that matters.
func (p *Process) CloseLifeline() {
	if p.queue == nil {
		return
	}
	p.queue.close(ErrClosed)
	p.down.Close() // a second close is refused and does no harm; nothing buffered is lost by it
}

// LastSeen is when the last complete frame was read, of any type; at first when the process
// was started. It carries the monotonic clock.
func (p *Process) LastSeen() time.Time { return p.start.Add(time.Duration(p.seen.Load())) }

// Skipped is how many frames of unknown type came from a newer child.
func (p *Process) Skipped() uint64 { return p.skipped.Load() }

// Events is the news of the process, in order; Exited is the last and then the channel is
// closed. It must be read until then: a consumer that stops reading stops the child's up
// pipe, though neither the process's end nor its reaping.
func (p *Process) Events() <-chan Event { return p.events }
