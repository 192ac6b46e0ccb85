package procbridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// Parent is the child's side of the bridge, from [Inherited]. All methods may be called at
// any time from any goroutine; none blocks but Flush.
type Parent struct {
	grant grant
	files map[string]*os.File
	down  *os.File
	up    *os.File
	queue *outbox

	mail       mailbox
	deliveries chan messages.Deliver
	gone       chan struct{}
	readErr    error // why the life-line ended; nil for its end of file. Set before gone closes.

	beatMu   sync.Mutex
	stopBeat chan struct{}

	dropped atomic.Uint64
	drops   chan struct{}
	skipped atomic.Uint64
}

var inherited = sync.OnceValues(inherit)

// Inherited is this process's side of the bridge, nil without an error when it is no child
// of one. The first call takes the descriptors and unsets the variable; all calls give the
// same answer. It is made as early as possible, before other goroutines look at the
// environment or start processes. An error says that the variable is there and does not
// describe what this process has: such a child cannot work and should exit.
//
// A child must not die of writing to a pipe whose reader is gone, so SIGPIPE is caught
// from then on (not ignored: grandchildren would inherit that).
func Inherited() (*Parent, error) { return inherited() }

func inherit() (*Parent, error) {
	value, ok := os.LookupEnv(EnvVar)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(EnvVar); err != nil {
		return nil, fmt.Errorf("unset %s: %w", EnvVar, err)
	}
	catchPipeSignal()
	g, err := parseGrant(value)
	if err != nil {
		return nil, err
	}
	down, up, files, err := takeFiles(g)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", EnvVar, err)
	}
	if g.Comm != "" {
		_ = SetComm(g.Comm) // a nicety: /proc may be missing or closed to this user
	}
	return newParent(g, down, up, files), nil
}

func newParent(g *grant, down, up *os.File, files map[string]*os.File) *Parent {
	if g.Queue <= 0 {
		g.Queue = defaultUserQueue
	}
	p := &Parent{
		grant: *g, files: files, down: down, up: up,
		queue:      newOutbox(up, g.Max, g.Queue),
		deliveries: make(chan messages.Deliver, g.Queue),
		gone:       make(chan struct{}),
		drops:      make(chan struct{}, 1),
	}
	p.mail.init()
	go p.read()
	go p.mail.pump()
	return p
}

// Info is a value that the parent gave under this key, "" for none.
func (p *Parent) Info(key string) string { return p.grant.Info[key] }

// File is the descriptor that the parent gave under this name, nil for none: closed on
// exec, a pipe or a socket non-blocking. All calls for a name give the same file; who
// closes it is the callers' business.
func (p *Parent) File(name string) *os.File { return p.files[name] }

// Hello introduces this process. It is the first frame: the parent takes anything else for
// garbage. Build names this library's or program's version.
func (p *Parent) Hello(build string) error {
	return p.Send(messages.Hello{Min: MinProtocol, Max: MaxProtocol, Build: build, Pid: os.Getpid()})
}

// Send queues an event. It never waits and is never refused for lack of room; events keep
// their order and overtake replies that wait. [ErrClosed] after the parent's end,
// [ErrTooLarge] above the cap.
func (p *Parent) Send(e messages.Event) error {
	if r, ok := e.(messages.Reply); ok {
		return p.Reply(r)
	}
	if err := p.queue.control(e); err != nil {
		return fmt.Errorf("send %T to the parent: %w", e, err)
	}
	return nil
}

// Reply queues the answer to an Ask. It never waits: [ErrBusy] when the queue is full.
func (p *Parent) Reply(r messages.Reply) error {
	if err := p.queue.reply(&r); err != nil {
		return fmt.Errorf("send %s to the parent: %w", r, err)
	}
	return nil
}

// Commands are the parent's control frames in order, as many as come. The channel is closed
// after the last one when the parent is gone; see Gone for the moment itself.
func (p *Parent) Commands() <-chan messages.Command { return p.mail.out }

// Deliveries are the user's messages. The channel is bounded and nobody waits for its
// reader: when it is full an Ask is answered with the error [BusyReply], and a Tell is
// dropped and counted. It is closed when the parent is gone.
func (p *Parent) Deliveries() <-chan messages.Deliver { return p.deliveries }

// Gone is closed when the life-line has ended: the parent is dead, or has closed it.
func (p *Parent) Gone() <-chan struct{} { return p.gone }

// Err says, once Gone is closed, why the life-line ended when it was not by its end of
// file: what came was no frame, or a frame that cannot be read.
func (p *Parent) Err() error {
	select {
	case <-p.gone:
		return p.readErr
	default:
		return nil
	}
}

// Dropped is how many Tells found Deliveries full, and Asks that could not even be
// answered so.
func (p *Parent) Dropped() uint64 { return p.dropped.Load() }

// Drops has a value when Dropped has grown.
func (p *Parent) Drops() <-chan struct{} { return p.drops }

// Skipped is how many frames of unknown type came from a newer parent.
func (p *Parent) Skipped() uint64 { return p.skipped.Load() }

// Flush waits until everything sent is in the pipe, at most timeout
// (os.ErrDeadlineExceeded): to be called before os.Exit. [ErrClosed] when the parent is
// gone and something was lost.
func (p *Parent) Flush(timeout time.Duration) error { return p.queue.flush(timeout) }

// read is the reader of the life-line. It waits for nobody.
func (p *Parent) read() {
	err := p.readFrames(NewReader(p.down, p.grant.Max))
	if !errors.Is(err, io.EOF) {
		p.readErr = fmt.Errorf("read the life-line: %w", err)
	}
	close(p.gone)
	close(p.deliveries)
	p.mail.end()
}

func (p *Parent) readFrames(r *Reader) error {
	for {
		t, body, err := r.ReadFrame()
		if err != nil {
			return err
		}
		if t == TypeDeliver {
			d, err := decodeDeliver(body)
			if err != nil {
				return err
			}
			p.deliver(d)
			continue
		}
		if !t.Down() || !t.Known() {
			p.skipped.Add(1)
			continue
		}
		v, err := Decode(t, body)
		if err != nil {
			return err
		}
		p.mail.put(v.(messages.Command))
	}
}

func (p *Parent) deliver(d messages.Deliver) {
	select {
	case p.deliveries <- d:
		return
	default:
	}
	if d.ID == 0 || p.queue.reply(&messages.Reply{ID: d.ID, Err: BusyReply}) != nil {
		p.dropped.Add(1)
		select {
		case p.drops <- struct{}{}:
		default: // whoever takes the one that waits sees this drop too
		}
	}
}
