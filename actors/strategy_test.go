package actors

import (
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/internal/probe"
)

func terminated(all []any) bool { return len(probe.Of[*actor.Terminated](all)) > 0 }

// panicsAt is an actor that panics at messages of one kind.
func panicsAt(is func(m any) bool) actor.Producer {
	return func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			if is(ctx.Message()) {
				explode()
			}
		})
	}
}

func explode() { panic("test") }

// A panic ends the actor for good, wherever it happens, and the log shows whose it was.
func TestGuardedEndsAnActorThatPanics(t *testing.T) {
	for name, is := range map[string]func(any) bool{
		"started":  func(m any) bool { _, ok := m.(*actor.Started); return ok },
		"message":  func(m any) bool { return m == "boom" },
		"stopping": func(m any) bool { _, ok := m.(*actor.Stopping); return ok },
		"stopped":  func(m any) bool { _, ok := m.(*actor.Stopped); return ok },
	} {
		t.Run(name, func(t *testing.T) {
			log, hook := logtest.NewNullLogger()
			p := probe.Start(t, probe.NewSystem(), Guarded("subject", log, panicsAt(is)))
			p.Send("boom")
			if name == "stopping" || name == "stopped" {
				p.StopChild()
			}
			p.Wait(t, "Terminated", terminated)
			all := hook.AllEntries()
			if len(all) != 1 || all[0].Data["actor"] != "subject" || !strings.Contains(all[0].Message, "actors.explode") {
				t.Errorf("log %v, want one entry with the stack", all)
			}
			if n := len(probe.Of[*actor.Terminated](p.Messages())); n != 1 {
				t.Errorf("%d Terminated", n)
			}
		})
	}
}

// StopOnPanic holds for the children of a guarded actor, which hears of it by Terminated.
func TestGuardedDoesNotRestartItsChildren(t *testing.T) {
	starts := make(chan struct{}, 100)
	child := actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			starts <- struct{}{}
		case string:
			explode()
		}
	})
	p := probe.Start(t, probe.NewSystem(), Guarded("parent", quiet(), func() actor.Actor {
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				ctx.Send(ctx.Spawn(child), "boom")
			case *actor.Terminated:
				ctx.Send(ctx.Parent(), m.Who.Id)
			}
		})
	}))
	p.Wait(t, "the child's end", func(all []any) bool { return len(probe.Of[string](all)) > 0 })
	if n := len(starts); n != 1 {
		t.Errorf("the child was started %d times", n)
	}
}
