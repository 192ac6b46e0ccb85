package workers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
)

// Self is what a worker's code knows of itself and may ask for. It belongs to one life,
// and all methods may be called from any goroutine.
type Self struct {
	incarnation messages.Incarnation
	config      atomic.Pointer[config.Config]
	logger      *logrus.Entry
	shared      map[string][]byte
	host        Host
	topPid      int
	ctx         context.Context
	opened      opened
	say         func(messages.Event)
	ready       sync.Once
	lastBeat    atomic.Int64 // nanoseconds, of monoStart
	jobs        atomic.Int64 // done and not told yet
	tracker     sockets.Tracker
}

// Host is what the process of a worker provides.
type Host interface {
	Listen(network, address string, o sockets.ListenOptions) (net.Listener, error)
	ListenPacket(network, address string, o sockets.ListenOptions) (net.PacketConn, error)
	// Manager is where programs that are no children of ours reach the socket manager.
	Manager() (path, token string, err error)
}

// ID is the worker's number from 0 (the seed's worker_id).
func (s *Self) ID() int { return s.incarnation.Slot }

// Incarnation is this life's name: generation.slot.life.
func (s *Self) Incarnation() string { return s.incarnation.String() }

// TopPid is the process that operators know: the one to send signals to. It stays the same
// over every restart.
func (s *Self) TopPid() int { return s.topPid }

// Config is the configuration in force for this worker. A reload changes it just before
// the worker's Reload is called.
func (s *Self) Config() config.Config { return *s.config.Load() }

// Logger writes to the engine's log, with the worker's id and incarnation as fields.
func (s *Self) Logger() *logrus.Entry { return s.logger }

// Listen returns a listener on a socket that the top process owns and that stays open over
// every restart. Closing it affects nobody else.
//
// All workers that ask for an address share one socket: when this worker is told to stop, its
// copy is closed, and connections that nobody has accepted yet wait for the other workers.
// With socket_reuseport (TCP, on Linux) each worker has a socket of its own, on which nobody
// else accepts: after the stop, Accept gives what is queued there, and then net.ErrClosed.
// Keep calling it until then, as Serve does. A worker that is one too many (TTOU, a lower
// workers key) waits up to 1.5 s more for connections that the kernel was just making.
func (s *Self) Listen(network, address string) (net.Listener, error) {
	return s.ListenWith(network, address, sockets.ListenOptions{})
}

// ListenWith is Listen with options.
func (s *Self) ListenWith(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	o.Slot = s.ID()
	o = s.defaults(o)
	l, err := s.host.Listen(network, address, o)
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	if sockets.Pinned(l) {
		return s.pinned(l)
	}
	context.AfterFunc(s.ctx, func() { _ = l.Close() }) // closed by the worker already, at worst
	if err := s.opened.add(l); err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	return l, nil
}

const (
	// drainLimit bounds how long a worker that stops goes on accepting what comes to a
	// pinned socket, from which its next life accepts too.
	drainLimit = 10 * time.Second
	// handshakes is how long the last one who accepts from a pinned socket waits for
	// connections that were being made when the kernel was told to steer new ones away: some
	// round trips, or one packet that is lost and sent again after a second.
	handshakes = 1500 * time.Millisecond
)

// pinned takes l, the socket of this worker's slot, over: nobody else accepts what is queued
// on it.
func (s *Self) pinned(l net.Listener) (net.Listener, error) {
	d, err := sockets.NewDrainingListener(l, drainLimit)
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), errors.Join(err, l.Close()))
	}
	if err := s.opened.add(d); err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	context.AfterFunc(s.ctx, func() { s.leave(d) })
	return d, nil
}

// leave begins the end of accepting from a pinned socket.
func (s *Self) leave(d *sockets.DrainingListener) {
	if s.superfluous() {
		d.DrainLast(handshakes, s.killLimit())
		return
	}
	d.Drain()
}

// superfluous reports whether fewer workers are wanted than this one's slot needs: nobody
// will follow it. What is wanted is told before the stop. Slot 0's sockets stay in any case.
func (s *Self) superfluous() bool { return s.ID() >= max(1, s.Config().Workers) }

// killLimit is how long a stop may take before it becomes an immediate one. Never is more
// than anybody waits for.
func (s *Self) killLimit() time.Duration {
	if limit := s.Config().WorkerGracefulKillTimeout; limit >= 0 {
		return limit
	}
	return 365 * 24 * time.Hour
}

// ListenPacket is Listen for datagrams. When the worker is told to stop, reading ends with
// net.ErrClosed, of a socket of its own (socket_reuseport) after what is queued there; what
// was read can still be answered until Run returns. The result is a
// *sockets.DrainingPacketConn, whose PacketConn is the socket itself.
func (s *Self) ListenPacket(network, address string) (net.PacketConn, error) {
	return s.ListenPacketWith(network, address, sockets.ListenOptions{})
}

// ListenPacketWith is ListenPacket with options.
func (s *Self) ListenPacketWith(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	o.Slot = s.ID()
	o = s.defaults(o)
	c, err := s.host.ListenPacket(network, address, o)
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	d, err := sockets.NewDrainingPacketConn(c, drainLimit)
	if err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), errors.Join(err, c.Close()))
	}
	if err := s.opened.add(d); err != nil {
		return nil, fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	if sockets.Pinned(c) {
		context.AfterFunc(s.ctx, d.Drain)
	} else {
		context.AfterFunc(s.ctx, d.EndReading)
	}
	return d, nil
}

func (s *Self) defaults(o sockets.ListenOptions) sockets.ListenOptions {
	cfg := s.config.Load()
	o.ReusePort = o.ReusePort || cfg.SocketReuseport
	if o.Backlog == 0 {
		o.Backlog = cfg.SocketBacklog
	}
	return o
}

// SocketManager is where programs outside the tree get sockets of the top process: the path
// and the token are the arguments of sockets.Dial. Give them both in the environment only:
// command lines are public. The path is opened when somebody asks for it; it is for root,
// the user of the top process and that of worker_chuser.
func (s *Self) SocketManager() (path, token string, err error) {
	if path, token, err = s.host.Manager(); err != nil {
		err = fmt.Errorf("worker %d: %w", s.ID(), err)
	}
	return path, token, err
}

// Ready says that this worker may get traffic. Later calls do nothing.
func (s *Self) Ready() {
	s.ready.Do(func() { s.say(messages.Ready{}) })
}

var monoStart = time.Now()

// beatEvery bounds how often Beat speaks to the parent.
const beatEvery = 100 * time.Millisecond

// Beat says that the worker's own code makes progress. From its first call on, a worker
// that does not call it for worker_progress_timeout is ended and replaced, although its
// process is alive. It is cheap; call it once per unit of work.
func (s *Self) Beat() {
	now := int64(time.Since(monoStart)) + 1
	last := s.lastBeat.Load()
	if last != 0 && now-last < int64(beatEvery) || !s.lastBeat.CompareAndSwap(last, now) {
		return
	}
	s.say(messages.Progress{})
}

// Done counts one finished unit of work, for worker_max_jobs. It implies Beat once Beat was
// used. It is cheap: counts are told to the parent together, a moment later.
func (s *Self) Done() {
	if s.jobs.Add(1) == 1 {
		time.AfterFunc(beatEvery, func() { s.say(messages.JobsDone{N: int(s.jobs.Swap(0))}) })
	}
	if s.lastBeat.Load() != 0 {
		s.Beat()
	}
}

// Track registers a connection for the drain of a stop: see sockets.Tracker.
func (s *Self) Track(c net.Conn) net.Conn { return s.tracker.Track(c) }

// Drain waits until all tracked connections are closed. When ctx ends first, it closes
// them and says how many there were.
func (s *Self) Drain(ctx context.Context) error { return s.tracker.Drain(ctx) }

// ErrNotShared says that the server has shared no value under a name.
var ErrNotShared = errors.New("no value is shared under this name")

// Shared decodes into v (a pointer) the value that the server's BeforeRun shared under
// name. It travels as JSON in every worker type.
func (s *Self) Shared(name string, v any) error {
	b, ok := s.shared[name]
	if !ok {
		return fmt.Errorf("shared value %q: %w", name, ErrNotShared)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("shared value %q: %w", name, err)
	}
	return nil
}

// Engine is the way up: what is sent there is a wish that the top process carries out.
func (s *Self) Engine() Engine { return Engine{say: s.say} }

// Engine takes commands for the whole tree.
type Engine struct{ say func(messages.Event) }

// Send asks the top process for a command, for example messages.Restart. Nothing is
// acknowledged; what cannot be done is logged there. The error says that such a command
// can't be asked for from below.
func (e Engine) Send(c messages.Command) error {
	switch c.(type) {
	case messages.Stop, messages.Restart, messages.LiveRestart, messages.Interrupt, messages.Reload,
		messages.Scale, messages.ScaleBy, messages.Dump:
		e.say(messages.Requested{Command: c})
		return nil
	}
	return fmt.Errorf("ask the engine for %T: a worker can ask for Stop, Restart, LiveRestart, Reload, Scale, ScaleBy and Dump", c)
}
