package actors

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// fakeChild is a child process whose other side a test plays. It notes all that it is told
// and may react to it.
type fakeChild struct {
	born   time.Time
	events chan procbridge.Event
	// react is called with each thing the child is told, as noted; it must not block.
	react func(c *fakeChild, what string)

	mu         sync.Mutex
	told       []string
	delivered  []messages.Deliver
	dead       bool
	silent     time.Time // since; zero = it beats all the time
	sendErr    error
	deliverErr error
}

func newFakeChild(react func(*fakeChild, string)) *fakeChild {
	return &fakeChild{born: time.Now(), events: make(chan procbridge.Event, 16), react: react}
}

func (c *fakeChild) Pid() int { return 4711 }

func (c *fakeChild) note(what string) error {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return os.ErrProcessDone
	}
	c.told = append(c.told, fmt.Sprintf("%s %s", time.Since(c.born), what))
	c.mu.Unlock()
	if c.react != nil {
		c.react(c, what)
	}
	return nil
}

func (c *fakeChild) Send(m messages.Command) error {
	if c.sendErr != nil {
		return c.sendErr
	}
	return c.note("frame " + m.String())
}

func (c *fakeChild) Deliver(d messages.Deliver) error {
	if c.deliverErr != nil {
		return c.deliverErr
	}
	if err := c.note(d.String()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.delivered = append(c.delivered, d)
	return nil
}

func (c *fakeChild) Signal(s os.Signal) error { return c.note(procbridge.SignalName(s)) }

func (c *fakeChild) Kill() error { return c.note("KILL") }

func (c *fakeChild) CloseLifeline() { _ = c.note("life-line closed") }

func (c *fakeChild) LastSeen() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent.IsZero() {
		return time.Now()
	}
	return c.silent
}

func (c *fakeChild) Events() <-chan procbridge.Event { return c.events }

func (c *fakeChild) mute() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = time.Now()
}

// say is an event of the child, unless it is dead or its pipe is full.
func (c *fakeChild) say(e procbridge.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return
	}
	select {
	case c.events <- e:
	default:
	}
}

// exit ends the child; what it is told afterwards fails. It may be called twice.
func (c *fakeChild) exit(e messages.Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return
	}
	c.dead = true
	go func() { // as a process: its end waits for nobody
		c.events <- procbridge.Exited{Exit: e}
		close(c.events)
	}()
}

func (c *fakeChild) isDead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dead
}

func (c *fakeChild) log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.told)
}

var (
	exit0  = messages.Exit{Cause: messages.ExitReturned}
	killed = messages.Exit{Cause: messages.ExitSignal, Code: 137, Signal: "KILL"}
)

// Ways of a child to react.
func obedient(c *fakeChild, what string) {
	switch what {
	case "frame graceful stop", "frame immediate stop", "TERM", "QUIT":
		c.exit(exit0)
	default:
		deaf(c, what)
	}
}

func deaf(c *fakeChild, what string) {
	if what == "KILL" {
		c.exit(killed)
	}
}

var self = messages.Incarnation{Generation: 1, Slot: 0, Life: 1}

// stage is a proxy, the parent that listens to it and the child it stands for.
type stage struct {
	t       *testing.T
	keeps   bool // a plain command
	probe   *probe.Probe
	child   *fakeChild
	release chan error // lets Start return
	rang    atomic.Int32
}

// inBubble runs a test of a proxy in virtual time. The process exists once begin is
// called.
func inBubble(t *testing.T, o ProxyOptions, react func(*fakeChild, string), story func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, child: newFakeChild(react), release: make(chan error, 1)}
		o.Incarnation = self
		if o.Log == nil {
			o.Log = quiet()
		}
		o.Start = func() (Child, error) {
			if err := <-s.release; err != nil {
				return nil, err
			}
			s.child.born = time.Now()
			if s.keeps {
				return keeper{s.child}, nil
			}
			return s.child, nil
		}
		s.probe = probe.Start(t, probe.NewSystem(), NewProxy(o).Configure(actor.WithReceiverMiddleware(s.countAlarms)))
		story(s)
		s.end()
	})
}

func (s *stage) countAlarms(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
		if _, ok := env.Message.(Rang); ok {
			s.rang.Add(1)
		}
		next(c, env)
	}
}

func seedOptions() ProxyOptions {
	return ProxyOptions{Timing: Timing{
		Ladder: seedLadder(), Watch: Watch{Interval: time.Second, Timeout: 180 * time.Second, ProgressTimeout: 60 * time.Second},
	}}
}

func (s *stage) begin() {
	s.release <- nil
	synctest.Wait()
}

func (s *stage) tell(m any) {
	s.probe.Send(m)
	synctest.Wait()
}

// emit is an event of the child.
func (s *stage) emit(e procbridge.Event) {
	s.child.say(e)
	synctest.Wait()
}

// pass lets virtual time pass.
func (s *stage) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *stage) said() []any { return s.probe.Messages() }

// exited is the exit that the proxy has reported, once and as the last of all but replies.
func (s *stage) exited() ChildExited {
	s.t.Helper()
	all := s.said()
	at := slices.IndexFunc(all, func(m any) bool { _, ok := m.(ChildExited); return ok })
	if at < 0 {
		s.t.Fatalf("no exit was reported: %v", all)
	}
	for _, m := range all[at+1:] {
		if said, ok := m.(ChildSaid); ok {
			if _, ok := said.Event.(messages.Reply); ok {
				continue
			}
		}
		s.t.Fatalf("after the exit: %T %v", m, m)
	}
	return all[at].(ChildExited)
}

func (s *stage) wantTold(want ...string) {
	s.t.Helper()
	if got := s.child.log(); !slices.Equal(got, want) {
		s.t.Errorf("the child was told %q, want %q", got, want)
	}
}

// end stops the proxy and wants nothing to be left of it: goroutines that go on fail the
// bubble.
func (s *stage) end() {
	select {
	case s.release <- errors.New("the test is over"):
	default:
	}
	s.probe.Stop(s.t)
	s.pass(time.Second) // for what is left of dead letters
	s.child.mu.Lock()
	began, dead := len(s.child.events) > 0 || len(s.child.told) > 0, s.child.dead
	s.child.mu.Unlock()
	if began && !dead {
		s.t.Error("the actor has ended and its process lives")
	}
}
