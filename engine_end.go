package serverengine

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

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
