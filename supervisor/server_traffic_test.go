package supervisor

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

func ask(id uint64, slot int) messages.Deliver {
	return messages.Deliver{ID: id, Slot: slot, Body: []byte("hi")}
}

const delivered0 = "deliver 2 bytes to slot 0"

// Messages go to the newest life of the slot that is ready and not on its way out.
func TestServerDelivers(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.send(ask(1, 0))
		s.wantToldTo("1.0.1", delivered0)
		s.wantToldTo("1.1.1")

		s.newWorkers(true, false)
		s.act("1.0.1", func(_ actor.Context, w *fakeWorker) { w.deaf = true })
		s.send(messages.Restart{Mode: messages.Graceful})
		s.send(ask(2, 0)) // the replacement is not ready
		s.wantToldTo("1.0.1", delivered0, delivered0)
		s.ready("1.0.2")
		s.send(ask(3, 0)) // the old one drains
		s.wantToldTo("1.0.1", delivered0, delivered0, "graceful stop")
		s.wantToldTo("1.0.2", delivered0)

		s.skip()
		s.says("1.0.2", messages.Closing{})
		s.send(ask(4, 0))
		s.want("reply 4: no worker of slot 0 is ready")
	})
}

func TestServerAnswersForASlotWithoutAWorker(t *testing.T) {
	hold := make(chan error)
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan error)
		o.Hooks.BeforeRun = func() error { return <-hold }
		o.Hooks.AfterRun = func() { <-hold }
		o.Config.UnrecoverableExitCodes = []int{9}
		o.Config.Workers = 2
	}, func(s *serverStage) {
		s.send(ask(1, 0))
		s.want("reply 1: no worker has started yet")
		s.newWorkers(true, false)
		hold <- nil
		synctest.Wait()
		s.skip()
		for id, slot := range []int{0, -1, 2, 1 << 30} {
			s.send(ask(uint64(id+2), slot))
		}
		s.want("reply 2: no worker of slot 0 is ready", "reply 3: no worker of slot -1 is ready",
			"reply 4: no worker of slot 2 is ready", "reply 5: no worker of slot 1073741824 is ready")
		s.ready("1.0.1")
		s.exit("1.0.1", 9) // not started again
		s.skip()
		s.send(ask(6, 0))
		s.want("reply 6: no worker of slot 0 is ready")
		s.send(messages.Deliver{Slot: 0})
		s.want()
		if s.logged("a message to slot 0 is dropped: no worker of slot 0 is ready") != 1 {
			t.Error("a dropped message is not in the log")
		}
		s.send(gracefulStop)
		s.skip()
		s.send(ask(7, 0))
		s.want("reply 7: the server has stopped")
		close(hold)
	})
}

// A worker whose Reload failed is replaced by one that starts with the new configuration.
func TestServerReplacesAWorkerWhoseReloadFailed(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.configure(2, messages.CauseReload, func(*config.Config) {})
		s.skip()
		seen := messages.ConfigSeen{Version: 2}
		s.says("1.0.1", seen)
		s.want("configuration 2 seen")
		seen.Err = "no such table"
		s.says("1.1.1", seen)
		s.wantOrder("configuration 2 seen")
		s.wantOrder("worker 1.1.2 started as pid 12", "worker 1.1.2 ready",
			"worker 1.1.1 stopping", "worker 1.1.1 exited: exit 0 next -1ns")
		s.wantToldTo("1.0.1", "configuration 2 (reload)")
		all := s.probe.Messages()
		at := slices.IndexFunc(all, func(m any) bool { e, ok := m.(messages.ConfigSeen); return ok && e.Err != "" })
		if e := all[at].(messages.ConfigSeen); e.Incarnation.String() != "1.1.1" {
			t.Errorf("%+v does not say who", e)
		}
	})
}

// jobs lets a worker finish jobs until it is replaced, and returns how many that took.
func (s *serverStage) jobs(name string, most int) int {
	s.t.Helper()
	before := s.started()
	for n := range most {
		s.says(name, messages.JobsDone{N: 1})
		if s.started() > before {
			return n + 1
		}
	}
	return 0
}

func TestServerReplacesAWorkerAfterItsJobs(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) { o.Config.WorkerMaxJobs, o.Config.RecycleJitter = 20, 0 }, func(s *serverStage) {
		if n := s.jobs("1.0.1", 100); n != 20 {
			t.Errorf("replaced after %d jobs, want 20", n)
		}
		s.says("1.0.1", messages.JobsDone{N: 100}) // news of the dead
		if n := s.jobs("1.0.2", 100); n != 20 {
			t.Errorf("its successor after %d", n)
		}
		if s.started() != 3 {
			t.Errorf("%d workers were started, want 3", s.started())
		}
	})
	few, many := 0, 0
	serverInBubble(t, 1, func(o *ServerOptions) { o.Config.WorkerMaxJobs, o.Config.RecycleJitter = 20, 0.5 }, func(s *serverStage) {
		for life := 1; life <= 60; life++ {
			n := s.jobs(messages.Incarnation{Generation: 1, Life: life}.String(), 100)
			if n < 10 || n > 20 {
				t.Errorf("replaced after %d jobs, want 10 to 20", n)
			}
			if n < 15 {
				few++
			} else {
				many++
			}
		}
	})
	if few == 0 || many == 0 {
		t.Errorf("%d lives were short and %d long: no jitter", few, many)
	}
}

// The limit is in force for lives that have done more than it when it is lowered.
func TestServerMaxJobsIsLowered(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) { o.Config.RecycleJitter = 0 }, func(s *serverStage) {
		if n := s.jobs("1.0.1", 50); n != 0 {
			t.Fatalf("replaced after %d jobs without a limit", n)
		}
		s.configure(2, messages.CauseReload, func(c *config.Config) { c.WorkerMaxJobs = 10 })
		if n := s.jobs("1.0.1", 50); n != 1 {
			t.Errorf("replaced after %d more jobs, want at the next", n)
		}
	})
}

// A replacement that failed does not let the old worker live on for good.
func TestServerMaxJobsIsTriedAgain(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) { o.Config.WorkerMaxJobs, o.Config.RecycleJitter = 10, 0 }, func(s *serverStage) {
		s.newWorkers(true, false)
		if n := s.jobs("1.0.1", 50); n != 10 {
			t.Fatalf("replaced after %d jobs", n)
		}
		s.exit("1.0.2", 1)
		if n := s.jobs("1.0.1", 50); n != 10 {
			t.Errorf("tried again after %d jobs, want 10", n)
		}
	})
}

func TestServerTellsAll(t *testing.T) {
	serverInBubble(t, 3, nil, func(s *serverStage) {
		s.send(messages.Dump{})
		for _, name := range []string{"1.0.1", "1.1.1", "1.2.1"} {
			s.wantToldTo(name, "dump")
		}
		s.send(actors.Kill{})
		for _, name := range []string{"1.0.1", "1.1.1", "1.2.1"} {
			s.wantToldTo(name, "dump", "kill")
		}
	})
}

// Of what a worker says only wishes and replies go up: it can't speak for others.
func TestServerPassesOnOnlyWhatAWorkerMaySay(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		s.skip()
		s.says("1.0.1", messages.Requested{Command: messages.Reload{}})
		s.says("1.0.1", messages.Reply{ID: 4})
		s.want("requested reload", "reply 4: ")
		for _, e := range []messages.Event{
			messages.ServerExited{Generation: 1}, messages.ServerReady{Generation: 1}, messages.RestartFinished{},
			messages.WorkerExited{Incarnation: messages.Incarnation{Generation: 1, Slot: 1, Life: 1}},
			messages.Progress{}, messages.Beat{}, messages.Hello{},
		} {
			s.says("1.0.1", e)
		}
		s.want()
	})
}

// A slot that is scaled away and back numbers its lives on.
func TestServerScalesDownAndUp(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.configure(2, messages.CauseScale, func(c *config.Config) { c.Workers = 0 })
		s.configure(3, messages.CauseScale, func(c *config.Config) { c.Workers = 2 })
		s.pass(time.Minute)
		s.worker("1.0.2")
		s.worker("1.1.2")
	})
}
