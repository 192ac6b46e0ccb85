package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// Orphaned says that the parent process is gone.
type Orphaned struct{}

// Up is what an uplink sees of the parent process. A *procbridge.Parent is one.
type Up interface {
	Send(messages.Event) error
	Commands() <-chan messages.Command
	Deliveries() <-chan messages.Deliver
	Drops() <-chan struct{}
	Dropped() uint64
}

// NewUplink returns the props of the mirror image of a proxy: commands from the parent
// process become messages to its parent actor, events from that actor go up. Orphaned is
// the last thing it says.
func NewUplink(up Up, log *logrus.Logger) *actor.Props {
	return Guarded("uplink", log, func() actor.Actor {
		return &uplink{up: up, log: log, replies: LostReplies(log.WithFields(nil)), drops: NewDrops(up, log.WithFields(nil))}
	})
}

type uplink struct {
	up      Up
	log     *logrus.Logger
	done    chan struct{}
	replies *logging.Losses
	drops   *Drops
}

// Receive is for protoactor.
func (u *uplink) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		u.done = make(chan struct{})
		go u.listen(ctx.ActorSystem().Root, ctx.Parent(), u.done)
	case messages.Event:
		if err := u.up.Send(m); errors.Is(err, procbridge.ErrBusy) {
			u.replies.Add(1, err.Error())
		} else if err != nil {
			u.log.Debugf("tell the parent process %q: %v", m, err) // it is gone: Orphaned follows
		}
	case *actor.Stopped:
		close(u.done)
	}
}

func (u *uplink) listen(root *actor.RootContext, parent *actor.PID, done <-chan struct{}) {
	commands, deliveries := u.up.Commands(), u.up.Deliveries()
	for {
		select {
		case m, open := <-commands:
			if !open {
				root.Send(parent, Orphaned{})
				return
			}
			root.Send(parent, m)
		case m, open := <-deliveries:
			if !open {
				deliveries = nil
				continue
			}
			root.Send(parent, m)
		case <-u.up.Drops():
			u.drops.Count()
		case <-done:
			return
		}
	}
}
