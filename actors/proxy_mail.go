package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// pass hands a command on to the child.
func (p *Proxy) pass(c messages.Command) {
	err := p.child.Send(c)
	switch {
	case errors.Is(err, procbridge.ErrTooLarge): // the child goes on without it
		p.log().Errorf("pass %s on: %v", c, err)
	case err != nil:
		p.log().Debugf("pass %s on: %v", c, err)
	}
}

// deliver hands messages on to the child.
func (p *Proxy) deliver(ctx actor.Context, mail Mail) {
	for _, d := range mail {
		if err := p.child.Deliver(d); err != nil {
			p.refuse(ctx, d, err.Error())
		}
	}
}

func (p *Proxy) refuseAll(ctx actor.Context, mail Mail, why string) {
	for _, d := range mail {
		p.refuse(ctx, d, why)
	}
}

// refuse answers a message that can't be delivered, or counts it as lost.
func (p *Proxy) refuse(ctx actor.Context, d messages.Deliver, why string) {
	if d.ID == 0 {
		p.losses.Add(1, why)
		return
	}
	ctx.Send(ctx.Parent(), ChildSaid{Incarnation: p.Incarnation, Event: messages.Reply{ID: d.ID, Err: why}})
}
