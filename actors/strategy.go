package actors

import (
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
)

// StopOnPanic is the supervision of every actor of the tree: one that panics is stopped,
// and its parent, which hears of it by Terminated, decides what follows. The engine of an
// actor system would restart it as a new struct that has lost its child.
func StopOnPanic() actor.SupervisorStrategy {
	return actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective })
}

// Guarded wraps a producer so that a panic is logged with the stack of the code that
// panicked, and does not reach protoactor in Stopping and Stopped, where it would undo the
// stop or lose the Terminated (asynkron/protoactor-go#214).
func Guarded(name string, log *logrus.Logger, producer actor.Producer) *actor.Props {
	guard := func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
			defer func() {
				r := recover()
				if r == nil {
					return
				}
				log.WithField("actor", name).Errorf("panic in an actor: %v\n%s", r, debug.Stack())
				_, msg, _ := actor.UnwrapEnvelope(env)
				switch msg.(type) {
				case *actor.Stopping, *actor.Stopped:
				default:
					panic(fmt.Sprintf("actor %s: %v", name, r))
				}
			}()
			next(c, env)
		}
	}
	return actor.PropsFromProducer(producer,
		actor.WithReceiverMiddleware(guard), actor.WithSupervisor(StopOnPanic()))
}
