package serverengine

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

// An alarm that was set before the end, the sweeper's for one, does not end the engine
// while its log is being closed.
func TestOldAlarmDoesNotEndTheEngine(t *testing.T) {
	system := SilentSystem()
	never := make(chan struct{})
	defer close(never)
	e := &engine{engineOptions: engineOptions{
		source: SourceFunc(func() (Config, error) { <-never; return Default(), nil }),
		done:   func(messages.Exit) { t.Error("the engine has ended") },
	}, behavior: actor.NewBehavior()}
	e.behavior.Become(e.closing)
	engine := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return e }))
	system.Root.Send(engine, actors.Rang{})
	answer, err := system.Root.RequestFuture(engine, messages.Reload{}, 30*time.Second).Result()
	if _, ok := answer.(messages.ConfigRefused); err != nil || !ok {
		t.Errorf("the engine answers %v, %v", answer, err)
	}
}
