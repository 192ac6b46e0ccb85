// Package probe is for tests of actors: a parent that records what its child tells it, in
// an actor system that leaves nothing behind.
package probe

import (
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

// patience bounds a wait in real time: far above what a busy machine needs.
const patience = 30 * time.Second

func init() { cmap.SHARD_COUNT = 1 } // systems are made by the hundred: see NewSystem

// NewSystem makes an actor system that logs nothing and whose dead letters, each of which
// starts a goroutine, are over after a millisecond. It may be made in a synctest bubble:
// let that millisecond pass before the bubble's end.
func NewSystem() *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond))
}

// Probe is an actor with one child, the actor under test, whose messages it keeps.
type Probe struct {
	System *actor.ActorSystem
	Child  *actor.PID
	self   *actor.PID

	mu      sync.Mutex
	all     []any
	changed chan struct{} // closed at each change
	ended   bool
}

// Start makes a probe with a child. The test's end stops both and waits for them.
func Start(t testing.TB, system *actor.ActorSystem, child *actor.Props, options ...actor.PropsOption) *Probe {
	t.Helper()
	p := &Probe{System: system, changed: make(chan struct{})}
	first := make(chan *actor.PID, 1)
	p.self = system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			first <- ctx.Spawn(child)
		case *actor.Stopped:
			p.note(nil, true)
		case *actor.Stopping:
		default:
			p.note(ctx.Message(), false)
		}
	}, append([]actor.PropsOption{actor.WithSupervisor(stopAll{})}, options...)...))
	p.Child = <-first
	t.Cleanup(func() { p.Stop(t) })
	return p
}

// stopAll stops a child that panics.
type stopAll struct{}

// HandleFailure is for protoactor.
func (stopAll) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	s.StopChildren(child)
}

func (p *Probe) note(m any, ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m != nil {
		p.all = append(p.all, m)
	}
	p.ended = p.ended || ended
	close(p.changed)
	p.changed = make(chan struct{})
}

// Send sends the child a message whose sender is nobody.
func (p *Probe) Send(m any) { p.System.Root.Send(p.Child, m) }

// StopChild stops the child, which Terminated tells.
func (p *Probe) StopChild() { p.System.Root.Stop(p.Child) }

// Messages is what the child has said so far, with the Terminated of its end.
func (p *Probe) Messages() []any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.all)
}

// Stop stops the probe and its child and waits until both have ended. A second call does
// nothing.
func (p *Probe) Stop(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	if ended {
		return // a Stop would be a dead letter
	}
	p.System.Root.Stop(p.self)
	p.wait(t, "the end of the probe and its child", func() bool { return p.ended })
}

// Wait waits until ok holds for what the child has said. It is for real time; in a bubble
// synctest.Wait is enough.
func (p *Probe) Wait(t testing.TB, what string, ok func([]any) bool) {
	t.Helper()
	p.wait(t, what, func() bool { return ok(p.all) })
}

func (p *Probe) wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		p.mu.Lock()
		done, changed := ok(), p.changed
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("still not: %s; it has said %v", what, p.Messages())
		}
	}
}

// Of returns the messages of one type among all.
func Of[T any](all []any) []T {
	var found []T
	for _, m := range all {
		if m, ok := m.(T); ok {
			found = append(found, m)
		}
	}
	return found
}
