package serverengine

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

func (e *engine) serverExited(ctx actor.Context, m messages.ServerExited) {
	e.ended = true
	e.sweeper.Stop()
	ctx.Stop(e.server)
	e.asks.end(ctx)
	e.refuseLoads(ctx)
	if m.Exit.Ok() {
		e.log.Infof("%s has stopped", e.app.name())
	} else {
		e.log.Errorf("%s has stopped: %s", e.app.name(), m.Exit)
	}
	e.behavior.Become(e.closing)
	e.census.state = "stopped"
	root, self, h := ctx.ActorSystem().Root, ctx.Self(), e.house
	go func() {
		root.Send(self, houseClosed{h.close()})
	}()
	e.stop = &messages.Stop{}
	e.desk.exit = m
}

// publishWait bounds how long the handlers of the last event hold the end up.
const publishWait = time.Second

// closing waits for the log to be written and for the last event to be published.
func (e *engine) closing(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case houseClosed:
		if m.err != nil {
			fmt.Fprintf(stderr(), "serverengine: %v\n", m.err)
		}
		ctx.Send(e.events, actors.Last{Event: e.desk.exit})
		e.alarm.Set(ctx, time.Now().Add(publishWait))
	case actors.Published:
		e.finish(ctx)
	case actors.Rang:
		if e.alarm.Due(m) { // and not one of before
			e.finish(ctx)
		}
	case messages.GetStatus:
		ctx.Respond(e.status())
	case *tells:
		m.take().refuse(ctx, "the engine has stopped")
	case messages.Command:
		e.refuse(ctx, "the engine has stopped")
	}
}

// finish is the regular end.
func (e *engine) finish(ctx actor.Context) {
	ctx.Stop(ctx.Self())
	if e.done != nil {
		e.done(e.desk.exit.Exit)
	}
}

func (e *engine) panicked(ctx actor.Context, r any) {
	log := logrus.StandardLogger()
	if e.house != nil {
		log = e.log
	}
	log.Errorf("panic in the engine: %v\n%s", r, debug.Stack())
	e.fail(ctx, messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: fmt.Sprint(r)})
}

// fail ends an engine that has not come to a regular end. It waits for the log: what
// happened must be in it, and nothing else is going to be done here.
func (e *engine) fail(ctx actor.Context, exit messages.Exit) {
	ctx.Stop(ctx.Self())
	if h := e.house; h != nil && !e.ended {
		_ = h.close() // there is nobody left to tell
	}
	e.ended = true
	e.tellEnd(ctx.ActorSystem(), exit)
}

// tellEnd tells of an end when what publishes events is gone, or was never there.
func (e *engine) tellEnd(system *actor.ActorSystem, exit messages.Exit) {
	if e.done == nil { // the event is all that a host program has
		system.EventStream.Publish(messages.ServerExited{Generation: e.lastGeneration(), Exit: exit})
		return
	}
	e.done(exit)
}

// halt is about an engine whose actor somebody else stops, or the end of its parent: what is
// below ends with it, at once, and is not missed.
func (e *engine) halt(ctx actor.Context) {
	if e.ended {
		return
	}
	e.behavior.Become(func(actor.Context) {})
	if e.house != nil {
		e.log.Warnf("%s ends at once: its actor is stopped", e.app.name())
	}
	e.asks.end(ctx)
	e.refuseLoads(ctx)
}

// abandon closes what a halted engine owns. Its processes were killed with their actors.
func (e *engine) abandon(ctx actor.Context) {
	e.coming.giveUp()
	if e.ended {
		return
	}
	e.ended = true
	h, system := e.house, ctx.ActorSystem()
	go func() {
		if h != nil {
			_ = h.close() // there is nobody left to tell
		}
		e.tellEnd(system, messages.Exit{Cause: messages.ExitError, Code: 1, Detail: "the engine's actor was stopped"})
	}()
}

// refuse answers whoever waits for an answer.
func (e *engine) refuse(ctx actor.Context, why string) {
	if ctx.Sender() == nil {
		return
	}
	switch ctx.Message().(type) {
	case messages.Reload:
		ctx.Respond(messages.ConfigRefused{Reason: why})
	default:
		ctx.Respond(fmt.Errorf("serverengine: %s", why))
	}
}
