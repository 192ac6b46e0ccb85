package serverengine

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// SilentSystem is an actor system of which nothing is logged.
func SilentSystem() *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
}
