//go:build unix

package serverengine_test

import (
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// A reload whose load is under way when a stop begins is answered, as one that waits for it.
func TestReloadDuringAStopIsAnswered(t *testing.T) {
	t.Parallel()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	loading, hold := make(chan struct{}, 2), make(chan struct{})
	defer close(hold)
	cfg := serverengine.Default()
	cfg.WorkerType, cfg.Log = serverengine.Thread, t.TempDir()+"/log"
	first := true
	source := serverengine.SourceFunc(func() (serverengine.Config, error) {
		if !first {
			loading <- struct{}{}
			<-hold
		}
		first = false
		return cfg, nil
	})
	ready := make(chan struct{})
	system.EventStream.Subscribe(func(e any) {
		if _, ok := e.(messages.ServerReady); ok {
			close(ready)
		}
	})
	engine := system.Root.Spawn(serverengine.Props(serverengine.App{Worker: serverengine.Func(waits)}, source))
	<-ready
	under := system.Root.RequestFuture(engine, messages.Reload{}, patience)
	<-loading
	waiting := system.Root.RequestFuture(engine, messages.Reload{}, patience)
	system.Root.Send(engine, messages.Stop{Mode: messages.Graceful})
	for _, f := range []*actor.Future{under, waiting} {
		answer, err := f.Result()
		if refused, ok := answer.(messages.ConfigRefused); err != nil || !ok || refused.Reason != "the engine is stopping" {
			t.Errorf("answer %v, %v", answer, err)
		}
	}
	if err := system.Root.StopFuture(engine).Wait(); err != nil {
		t.Error(err)
	}
}
