//go:build unix

package serverengine_test

import (
	"net"
	"os"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// A reload whose load is under way when a stop begins is answered, as one that waits for it.
func TestReloadDuringAStopIsAnswered(t *testing.T) {
	t.Parallel()
	system := serverengine.SilentSystem()
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
	ready, exited := make(chan struct{}), make(chan struct{})
	system.EventStream.Subscribe(func(e any) {
		switch e.(type) {
		case messages.ServerReady:
			close(ready)
		case messages.ServerExited:
			close(exited)
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
	<-exited // and nothing is written any more
}

// What was opened for an engine that is gone meanwhile is closed again.
func TestEngineThatEndsWhileItOpensLeavesNothing(t *testing.T) {
	t.Parallel()
	system := serverengine.SilentSystem()
	loading, hold := make(chan struct{}), make(chan struct{})
	cfg := serverengine.Default()
	dir := t.TempDir()
	cfg.Log, cfg.Listen = dir+"/log", []string{"unix://" + dir + "/s"}
	source := serverengine.SourceFunc(func() (serverengine.Config, error) {
		close(loading)
		<-hold
		return cfg, nil
	})
	engine := system.Root.Spawn(serverengine.Props(serverengine.App{Worker: serverengine.Func(waits)}, source))
	<-loading
	if err := system.Root.StopFuture(engine).Wait(); err != nil {
		t.Fatal(err)
	}
	close(hold)
	eventually(t, "all is open", func() bool {
		_, err := os.Stat(cfg.Log)
		return err == nil
	})
	eventually(t, "nobody listens", func() bool {
		c, err := net.Dial("unix", dir+"/s")
		if err == nil {
			c.Close()
		}
		return err != nil
	})
}
