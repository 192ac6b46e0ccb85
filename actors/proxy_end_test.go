package actors

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// However the actor ends, its process ends too and is seen off to its last event.
func TestProxyThatIsStoppedKillsItsProcess(t *testing.T) {
	t.Run("living", func(t *testing.T) {
		inBubble(t, seedOptions(), deaf, func(s *stage) {
			s.begin()
			s.probe.StopChild()
			synctest.Wait()
			s.wantTold("0s KILL")
			s.drained()
		})
	})
	t.Run("starting", func(t *testing.T) {
		inBubble(t, seedOptions(), deaf, func(s *stage) {
			s.probe.StopChild()
			synctest.Wait()
			s.pass(time.Minute)
			s.begin()
			s.drained()
		})
	})
	t.Run("amid a flood", func(t *testing.T) {
		inBubble(t, seedOptions(), nil, func(s *stage) {
			s.child.react = func(*fakeChild, string) {} // it dies when it has written all
			s.begin()
			go func() {
				for range 5000 {
					s.child.events <- procbridge.Frame{Event: messages.JobsDone{N: 1}}
				}
				s.child.exit(killed)
			}()
			s.probe.StopChild()
			synctest.Wait()
			s.drained()
		})
	})
}

// drained wants the child dead and its events read to the end.
func (s *stage) drained() {
	s.t.Helper()
	if !s.child.isDead() {
		s.t.Fatalf("the process lives; it was told %q", s.child.log())
	}
	if _, open := <-s.child.events; open {
		s.t.Error("events were left unread")
	}
}

// The actor ends between the start of the process and the news of it, which is lost then:
// the process is killed although the actor never knew it, whatever it says.
func TestProxyThatEndsAsItsProcessStarts(t *testing.T) {
	for _, talks := range []int{0, 1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			child := newFakeChild(deaf)
			system := probe.NewSystem()
			o := seedOptions()
			o.Incarnation, o.Log = self, quiet()
			o.Start = func() (Child, error) { return child, nil }
			props := NewProxy(o).Configure(actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
					if _, ok := env.Message.(childStarted); ok {
						c.(actor.Context).Stop(c.Self())
						return // as if the Stop had overtaken it
					}
					next(c, env)
				}
			}))
			pr := probe.Start(t, system, props)
			synctest.Wait()
			for range talks {
				child.say(procbridge.Frame{Event: messages.Ready{}})
				synctest.Wait()
			}
			if !child.isDead() {
				t.Errorf("after %d events the process lives and nobody knows it", talks)
				child.exit(killed)
			}
			pr.Stop(t)
			time.Sleep(time.Second) // virtual, for what is left of dead letters
		})
	}
}

// A child that says more than is handled waits; it neither fills the mailbox nor holds up
// its exit, which is still the last.
func TestProxyBoundsAFlood(t *testing.T) {
	const many = 20_000
	o := seedOptions()
	hold := make(chan struct{})
	o.Tail = nil
	inBubble(t, o, nil, func(s *stage) {
		hold = make(chan struct{})
		// The child's LastSeen is not asked for here; Deliver holds the actor up.
		s.child.react = func(_ *fakeChild, what string) {
			if strings.HasPrefix(what, "deliver") {
				<-hold
			}
		}
		s.begin()
		s.probe.Send(messages.Deliver{})
		synctest.Wait()
		written := make(chan int, many)
		go func() {
			for n := range many {
				s.child.events <- procbridge.Frame{Event: messages.JobsDone{N: n + 1}}
				written <- n
			}
			s.child.exit(exit0)
		}()
		synctest.Wait()
		if n := len(written); n > 256+cap(s.child.events)+2 {
			t.Errorf("%d events were taken in while the actor was busy", n)
		}
		close(hold)
		synctest.Wait()
		s.exited()
		jobs := probe.Of[ChildSaid](s.said())
		if len(jobs) != many {
			t.Fatalf("%d of %d events arrived", len(jobs), many)
		}
		for n, m := range jobs {
			if m.Event.(messages.JobsDone).N != n+1 {
				t.Fatalf("event %d is %v", n, m)
			}
		}
	})
}

// A panic in the actor ends it, and with it the process; the parent hears of it by
// Terminated.
func TestProxyThatPanics(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.child.react = func(c *fakeChild, what string) {
			if strings.HasPrefix(what, "deliver") {
				panic("test")
			}
			deaf(c, what)
		}
		s.begin()
		s.tell(messages.Deliver{ID: 1})
		s.drained()
		if n := len(probe.Of[*actor.Terminated](s.said())); n != 1 {
			t.Errorf("%d Terminated", n)
		}
	})
}

// A child that can't be told anything is still killed at the end of the ladder.
func TestProxyGoesOnWhenTheChildCantBeTold(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.child.sendErr = errors.New("queue full")
		s.begin()
		s.tell(immediateStop)
		s.pass(11 * time.Minute)
		s.exited()
	})
}

// After the exit nothing is due any more.
func TestProxyIsQuietAfterTheExit(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.tell(gracefulStop)
		s.exited()
		for range 3 {
			s.tell(gracefulStop)
			s.tell(Kill{})
			s.tell(messages.Dump{})
			s.tell(seedOptions().Timing)
		}
		s.pass(time.Hour)
		s.exited()
		s.wantTold("0s frame graceful stop")
		if n := s.rang.Load(); n > 0 {
			t.Errorf("an alarm rang %d times", n)
		}
	})
}

// A process that is disowned learns that its parent is gone, and is seen off; one that is
// being started is killed as soon as it exists.
func TestProxyThatDisowns(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.begin()
		s.tell(Disown{})
		s.pass(time.Second)
		s.wantTold("0s life-line closed")
		s.child.exit(exit0)
		synctest.Wait()
		s.exited()
	})
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.tell(Disown{})
		s.begin()
		s.wantTold("0s KILL")
		s.exited()
	})
}
