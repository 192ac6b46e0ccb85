package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/messages"
)

// Published tells the parent of a publisher that its last event has been handled.
type Published struct{}

// Last marks the last event that a publisher gets.
type Last struct{ Event messages.Event }

// NewPublisher returns the props of an actor that puts its parent's events on the system's
// EventStream. Handlers run in whoever publishes: a slow one, or one that panics, hurts
// only this actor.
func NewPublisher(log *logrus.Logger) *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case Last:
			publish(ctx, log, m.Event)
			ctx.Send(ctx.Parent(), Published{})
		case messages.Event:
			publish(ctx, log, m)
		}
	})
}

func publish(ctx actor.Context, log *logrus.Logger, e messages.Event) {
	defer func() {
		if r := recover(); r != nil {
			log.Errorf("a handler of the event stream panicked at %q: %v", e, r)
		}
	}()
	ctx.ActorSystem().EventStream.Publish(e)
}
