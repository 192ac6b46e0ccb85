package actors

import (
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// exited adds to the exit what this actor knows and reports it. A child that was never
// ready is explained by its last output, which may still be on its way.
func (p *Proxy) exited(ctx actor.Context, e messages.Exit) {
	if p.kept != nil {
		e = *p.kept
	}
	// Nothing is due any more.
	p.steps, p.beats = escalation{}, heartbeat{}
	if p.refused {
		e.Cause = messages.ExitRefused
	}
	if p.why != "" {
		e.Detail = strings.TrimPrefix(e.Detail+"; "+p.why, "; ")
	}
	if p.ready || p.told != nil || p.Tail == nil {
		p.finish(ctx, e)
		return
	}
	root, self, tail := ctx.ActorSystem().Root, ctx.Self(), p.Tail
	p.behavior.Become(p.explaining)
	go func() {
		e.Tail = tail()
		root.Send(self, lastWords{e})
	}()
}

// explaining waits for the last output.
func (p *Proxy) explaining(ctx actor.Context) {
	if m, ok := ctx.Message().(lastWords); ok {
		p.finish(ctx, m.exit)
		return
	}
	p.ended(ctx)
}

func (p *Proxy) finish(ctx actor.Context, e messages.Exit) {
	p.alarm.Stop()
	p.losses.Flush()
	p.behavior.Become(p.ended)
	ctx.Send(ctx.Parent(), ChildExited{Incarnation: p.Incarnation, Pid: p.pid, Exit: e})
}
