package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// patience bounds every wait for something that takes milliseconds.
const patience = 60 * time.Second

// tree is an engine in this process, as any host program may have one, and what it reports.
type tree struct {
	system *actor.ActorSystem
	engine *actor.PID
	seen   chan seen
	pids   map[int]int // of the worker processes seen so far, by slot
	exit   *messages.Exit
}

// seen is an event with the time at which a subscriber of the EventStream gets it.
type seen struct {
	at    time.Time
	event messages.Event
}

// startEngine starts an engine whose log is a file in dir. change sets what differs from
// the default configuration.
func startEngine(dir string, app serverengine.App, change func(*serverengine.Config)) (*tree, error) {
	cfg := serverengine.Default()
	cfg.Log = filepath.Join(dir, app.Name+".log")
	change(&cfg)
	t := &tree{seen: make(chan seen, 1<<16), pids: map[int]int{}}
	cmap.SHARD_COUNT = 1 // of the actor system's registry, as in a program that calls Run
	t.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	t.system.EventStream.Subscribe(t.note)
	pid, err := t.system.Root.SpawnNamed(serverengine.Props(app, cfg), "engine")
	if err != nil {
		return nil, fmt.Errorf("spawn the engine: %w", err)
	}
	t.engine = pid
	return t, nil
}

// note keeps the events that somebody may wait for.
func (t *tree) note(event any) {
	switch e := event.(type) {
	case messages.WorkerStarted, messages.WorkerReady, messages.WorkerExited, messages.ServerReady, messages.ServerExited:
		t.seen <- seen{time.Now(), e.(messages.Event)}
	}
}

func (t *tree) send(c messages.Command) { t.system.Root.Send(t.engine, c) }

// await reads events until one is found. The end of the server is an error.
func (t *tree) await(what string, found func(messages.Event) bool) (seen, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case s := <-t.seen:
			switch e := s.event.(type) {
			case messages.WorkerStarted:
				t.pids[e.Incarnation.Slot] = e.Pid
			case messages.ServerExited:
				t.exit = &e.Exit
			}
			if found(s.event) {
				return s, nil
			}
			if t.exit != nil {
				return s, fmt.Errorf("the server ended instead of: %s: %s", what, t.exit)
			}
		case <-timer.C:
			return seen{}, fmt.Errorf("not seen within %s: %s", patience, what)
		}
	}
}

// awaitServer waits until every worker has been ready once.
func (t *tree) awaitServer() error {
	_, err := t.await("all workers ready", func(e messages.Event) bool {
		_, ok := e.(messages.ServerReady)
		return ok
	})
	return err
}

// stop ends the engine and waits for its end.
func (t *tree) stop() error {
	if t.exit != nil {
		return nil
	}
	t.send(messages.Stop{Mode: messages.Graceful, Reason: "the measurement is over"})
	_, err := t.await("the end of the server", func(e messages.Event) bool {
		_, ok := e.(messages.ServerExited)
		return ok
	})
	return err
}

// ask asks the worker of a slot and waits for its answer.
func (t *tree) ask(slot int, body any) (any, error) {
	v, err := t.system.Root.RequestFuture(t.engine, messages.Ask{Slot: slot, Body: body, Timeout: patience}, patience).Result()
	if err != nil {
		return nil, err
	}
	if err, failed := v.(error); failed {
		return nil, err
	}
	return v, nil
}
