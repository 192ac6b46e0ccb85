package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

var (
	gracefulStop  = messages.Stop{Mode: messages.Graceful, Reason: "TERM"}
	immediateStop = messages.Stop{Mode: messages.Immediate, Reason: "QUIT"}
)

func TestServerStartCrashRestartStop(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		s.want("worker 1.0.1 started as pid 1", "worker 1.0.1 ready", "server 1 ready")
		s.exit("1.0.1", 3)
		s.want("worker 1.0.1 exited: exit 3 next 0s", "worker 1.0.2 started as pid 2", "worker 1.0.2 ready")
		s.send(gracefulStop)
		s.want("worker 1.0.2 stopping", "worker 1.0.2 exited: exit 0 next -1ns", "server 1 exited: exit 0")
		if e := s.last(); !e.Expected || e.Generation != 1 {
			t.Errorf("%+v", e)
		}
		s.wantToldTo("1.0.2", "graceful stop")
		if s.logged("worker exited unexpectedly: exit 3") != 1 || s.logged("worker exited: exit 0") != 1 {
			t.Error("the ends are not in the log, each as what it is")
		}
	})
}

func TestServerCrashesAreRepairedWithBackoff(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) {
		o.Config.RestartBackoff = time.Minute
		o.Config.RestartBackoffMax = time.Minute
	}, func(s *serverStage) {
		s.exit("1.0.1", 1)
		s.exit("1.0.2", 1)
		s.pass(time.Minute)
		s.worker("1.0.3")
	})
}

// R5: a stop that comes before the first start means that nothing is started. An immediate
// one does not wait for BeforeRun either, which may hang.
func TestServerStopDuringBeforeRunStartsNothing(t *testing.T) {
	for _, stop := range []messages.Stop{gracefulStop, immediateStop} {
		immediate := stop.Mode == messages.Immediate
		hold := make(chan error)
		after := 0
		serverInBubble(t, 2, func(o *ServerOptions) {
			hold = make(chan error) // of this bubble
			o.Hooks.BeforeRun = func() error { return <-hold }
			o.Hooks.AfterRun = func() { after++ }
		}, func(s *serverStage) {
			s.send(gracefulStop)
			s.pass(time.Minute)
			s.want()
			if immediate {
				s.send(stop)
				s.want("server 1 exited: exit 0")
			}
			hold <- nil
			synctest.Wait()
			if !immediate {
				s.want("server 1 exited: exit 0")
			}
			if e := s.last(); !e.Expected || s.started() != 0 || (after == 1) == immediate {
				t.Errorf("%s: %+v, %d workers were started, AfterRun ran %d times", stop, e, s.started(), after)
			}
		})
	}
}

// An AfterRun that hangs does not hold an immediate stop up.
func TestServerImmediateStopDoesNotWaitForAfterRun(t *testing.T) {
	serverInBubble(t, 0, func(o *ServerOptions) {
		o.Hooks.AfterRun = func() { <-time.After(time.Hour) }
	}, func(s *serverStage) {
		s.want("server 1 ready")
		s.send(gracefulStop)
		s.pass(time.Minute)
		s.want()
		s.send(immediateStop)
		s.want("server 1 exited: exit 0")
		s.pass(time.Hour)
	})
}

func TestServerBeforeRunThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		hook   func() error
		detail string
	}{
		"error": {func() error { return errors.New("no database") }, "hook BeforeRun: no database"},
		"panic": {func() error { panic("nil map") }, "hook BeforeRun: panic: nil map"},
	} {
		t.Run(name, func(t *testing.T) {
			serverInBubble(t, 2, func(o *ServerOptions) { o.Hooks.BeforeRun = c.hook }, func(s *serverStage) {
				e := s.last()
				if e.Exit.Cause != messages.ExitFailed || e.Exit.Code != 1 || e.Exit.Detail != c.detail || e.Expected {
					t.Errorf("%+v", e)
				}
				s.send(messages.Deliver{ID: 7})
				s.send(gracefulStop)
				s.skip()
				if s.started() != 0 {
					t.Error("workers were started")
				}
			})
		})
	}
}

func TestServerFirstImageThatCantBeOpened(t *testing.T) {
	serverInBubble(t, 2, func(o *ServerOptions) {
		o.Images.(*fakeImages).refuse = errors.New("text file busy")
		o.Hooks.BeforeRun = func() error { panic("it is called") }
	}, func(s *serverStage) {
		if e := s.last(); e.Exit.Code != 1 || e.Exit.Detail != "text file busy" {
			t.Errorf("%+v", e)
		}
	})
}

func TestServerAfterRunRunsAfterTheLastExit(t *testing.T) {
	var s *serverStage
	lines := -1
	hold := make(chan struct{})
	serverInBubble(t, 2, func(o *ServerOptions) {
		hold = make(chan struct{})
		o.Hooks.AfterRun = func() {
			lines = len(s.lines())
			<-hold
			panic("it is logged")
		}
	}, func(stage *serverStage) {
		s = stage
		s.act("1.0.1", func(_ actor.Context, w *fakeWorker) { w.deaf = true })
		s.send(gracefulStop)
		s.pass(time.Minute)
		if lines != -1 {
			t.Fatal("AfterRun ran with a worker alive")
		}
		s.exit("1.0.1", 0)
		s.skip()
		if all := s.lines(); !strings.HasPrefix(all[len(all)-1], "worker 1.0.1 exited") || lines < 1 {
			t.Errorf("AfterRun saw %d events of %q", lines, all)
		}
		close(hold)
		synctest.Wait()
		s.want("server 1 exited: exit 0")
		if s.logged("hook AfterRun: panic: it is logged") != 1 {
			t.Error("its panic is not in the log")
		}
	})
}

// The rest of the hooks run in goroutines: one that blocks holds up nobody, but for the
// restart that its hook precedes and, for a while, the end.
func TestServerHooksMayBlock(t *testing.T) {
	hold := make(chan struct{})
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan struct{})
		o.Hooks.Reload = func(config.Config) error { <-hold; return errors.New("no") }
		o.Hooks.Stop = func(messages.Mode) { <-hold }
		o.Hooks.Restart = func(messages.Mode) { <-hold; panic("oh") }
	}, func(s *serverStage) {
		s.skip()
		s.configure(2, messages.CauseReload, func(*config.Config) {})
		s.wantToldTo("1.0.1", "configuration 2 (reload)")
		s.send(messages.Restart{})
		s.want()
		s.send(gracefulStop)
		s.want("worker 1.0.1 stopping", "worker 1.0.1 exited: exit 0 next -1ns")
		time.Sleep(hookWait)
		synctest.Wait()
		s.want("server 1 exited: exit 0")
		close(hold)
		synctest.Wait()
		if s.logged("hook Reload: no") != 1 || s.logged("hook Restart: panic: oh") != 1 {
			t.Error("what went wrong in hooks is not in the log")
		}
	})
}

// Hooks of the user's code are called one at a time, in the order of what they are for, and
// after BeforeRun.
func TestServerHooksKeepTheirOrder(t *testing.T) {
	var hold chan struct{}
	var mu sync.Mutex
	var calls []string
	call := func(what string) {
		mu.Lock()
		calls = append(calls, what+" begins")
		mu.Unlock()
		<-hold
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, what+" ends")
	}
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan struct{})
		o.Hooks.BeforeRun = func() error { call("BeforeRun"); return nil }
		o.Hooks.Reload = func(cfg config.Config) error { call(fmt.Sprint("Reload ", cfg.Workers)); return nil }
		o.Hooks.Restart = func(messages.Mode) { call("Restart") }
		o.Hooks.Stop = func(messages.Mode) { call("Stop") }
	}, func(s *serverStage) {
		reload := func(version uint64) {
			s.configure(version, messages.CauseReload, func(c *config.Config) { c.Workers = int(version) })
		}
		reload(2)
		reload(3)
		hold <- struct{}{} // BeforeRun returns
		synctest.Wait()
		reload(4)
		s.send(messages.Restart{})
		reload(5)
		s.send(gracefulStop)
		close(hold)
		s.pass(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		var want []string
		for _, what := range []string{"BeforeRun", "Reload 3", "Reload 4", "Restart", "Reload 5", "Stop"} {
			want = append(want, what+" begins", what+" ends")
		}
		if !slices.Equal(calls, want) {
			t.Errorf("calls\n\t%q, want\n\t%q", calls, want)
		}
	})
}

// Who asks for the configuration gets that of a scale too.
func TestServerTellsEveryConfiguration(t *testing.T) {
	var told []int
	serverInBubble(t, 1, func(o *ServerOptions) {
		o.Hooks.Configured = func(cfg config.Config) { told = append(told, cfg.Workers) }
	}, func(s *serverStage) {
		s.configure(2, messages.CauseScale, func(c *config.Config) { c.Workers = 2 })
		s.configure(3, messages.CauseReload, func(c *config.Config) { c.Workers = 3 })
		if !slices.Equal(told, []int{2, 3}) {
			t.Errorf("told %v", told)
		}
	})
}

func TestServerRestartThatCantOpenItsImage(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.skip()
		s.images.set(errors.New("no such file"), nil)
		for _, mode := range []messages.Mode{messages.Graceful, messages.Immediate} {
			s.send(messages.Restart{Mode: mode})
			s.want(mode.String() + " restart aborted: no such file")
		}
		s.wantToldTo("1.0.1")
		s.wantToldTo("1.1.1")
		s.exit("1.0.1", 1) // repaired with the old image
		if w := s.worker("1.0.2"); w.image != 0 {
			t.Errorf("image %d", w.image)
		}
	})
}

func TestServerScales(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.skip()
		s.configure(2, messages.CauseScale, func(c *config.Config) { c.Workers = 3 })
		s.want("worker 1.2.1 started as pid 21", "worker 1.2.1 ready")
		s.configure(3, messages.CauseScale, func(c *config.Config) { c.Workers = 1 })
		s.wantOrder("worker 1.2.1 stopping", "worker 1.1.1 stopping", "worker 1.1.1 exited: exit 0 next -1ns")
		s.wantOrder("worker 1.2.1 stopping", "worker 1.2.1 exited: exit 0 next -1ns")
		s.wantToldTo("1.0.1", "configuration 2 (scale)", "configuration 3 (scale)")
	})
}

func TestServerTakesOnlyNewerConfigurations(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		s.configure(5, messages.CauseReload, func(c *config.Config) { c.WorkerHeartbeatInterval = 7 * time.Second })
		s.configure(5, messages.CauseReload, func(c *config.Config) { c.Workers = 9 })
		s.configure(4, messages.CauseReload, func(c *config.Config) {})
		s.send(messages.Configure{Version: 6, Body: []byte("{"), Cause: messages.CauseReload})
		if s.started() != 1 || s.logged("configuration 6 (reload): ") != 1 {
			t.Errorf("%d workers were started", s.started())
		}
		s.wantToldTo("1.0.1", "timing 7s", "configuration 5 (reload)")
		s.exit("1.0.1", 1)
		if w := s.worker("1.0.2"); w.cfg.WorkerHeartbeatInterval != 7*time.Second {
			t.Error("a new worker starts with the old configuration")
		}
	})
}

func TestServerRollingRestart(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.skip()
		s.send(messages.Restart{Mode: messages.Graceful})
		s.wantOrder("worker 1.0.2 started as pid 2", "worker 1.0.2 ready", "worker 1.0.1 stopping",
			"worker 1.1.2 started as pid 12", "worker 1.1.2 ready", "worker 1.1.1 stopping", "graceful restart finished", "worker 1.1.1 exited: exit 0 next -1ns")
		s.wantOrder("worker 1.0.1 stopping", "worker 1.0.1 exited: exit 0 next -1ns")
		if s.worker("1.0.2").image != 1 || s.worker("1.1.2").image != 1 || s.images.count() != 1 {
			t.Errorf("images %d and %d, %d open", s.worker("1.0.2").image, s.worker("1.1.2").image, s.images.count())
		}
	})
}

func TestServerRollIsAbortedByAReplacementThatFails(t *testing.T) {
	serverInBubble(t, 2, nil, func(s *serverStage) {
		s.newWorkers(true, false)
		s.skip()
		s.send(messages.Restart{Mode: messages.Graceful})
		s.exit("1.0.2", 1)
		s.want("worker 1.0.2 started as pid 2", "worker 1.0.2 exited: exit 1 next -1ns",
			"graceful restart aborted: replacement 1.0.2: exit 1 (0 of 2 were replaced)")
		s.wantToldTo("1.0.1")
		if s.images.count() != 1 || !s.images.isOpen(0) {
			t.Error("the new image is still open")
		}
	})
}

// An exit between the opening of an image and its use does not close it.
func TestServerKeepsAnImageThatIsBeingOpened(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		hold := make(chan struct{})
		s.images.set(nil, hold)
		s.send(messages.Restart{Mode: messages.Graceful})
		s.exit("1.0.1", 1)
		close(hold)
		synctest.Wait()
		s.pass(time.Minute)
		if w := s.worker("1.0.3"); w.image != 1 {
			t.Errorf("image %d", w.image)
		}
	})
}

// A restart that is asked for before the first worker starts is not lost: it stands for
// what is at the program's path now.
func TestServerRestartDuringBeforeRun(t *testing.T) {
	hold := make(chan error)
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan error)
		o.Hooks.BeforeRun = func() error { return <-hold }
	}, func(s *serverStage) {
		s.send(messages.Restart{Mode: messages.Graceful})
		hold <- nil
		synctest.Wait()
		s.pass(time.Minute)
		if w := s.worker("1.0.2"); w.image != 1 {
			t.Errorf("image %d", w.image)
		}
		s.wantOrder("worker 1.0.2 ready", "worker 1.0.1 stopping", "graceful restart finished")
	})
}

func TestServerLongStopSaysWhoIsLeft(t *testing.T) {
	serverInBubble(t, 2, func(o *ServerOptions) { o.Config.StopTimeout = time.Minute }, func(s *serverStage) {
		s.act("1.1.1", func(_ actor.Context, w *fakeWorker) { w.deaf = true })
		s.send(gracefulStop)
		const line = "waiting for 1 workers to end: 1.1.1 (pid 11) in graceful stop for "
		for n := range 6 {
			s.pass(5 * time.Second)
			if got := s.logged(fmt.Sprintf("%s%ds", line, 5*(n+1))); got != 1 {
				t.Errorf("%d lines after %d s", got, 5*(n+1))
			}
		}
		s.send(immediateStop)
		s.pass(30 * time.Second)
		s.wantToldTo("1.1.1", "graceful stop", "immediate stop", "kill")
		s.last()
	})
}

// An actor that panics ends without last words and counts as an exit.
func TestServerWorkerActorThatPanics(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		s.skip()
		s.act("1.0.1", func(actor.Context, *fakeWorker) { panic("test") })
		s.want("worker 1.0.1 exited: panic: its actor ended next 0s", "worker 1.0.2 started as pid 2", "worker 1.0.2 ready")
	})
}

// The status of an exit is what the worker's actor said, although that actor is stopped.
func TestServerExitIsTakenOnce(t *testing.T) {
	serverInBubble(t, 1, nil, func(s *serverStage) {
		s.skip()
		s.act("1.0.1", func(ctx actor.Context, w *fakeWorker) {
			w.exits(ctx, messages.Exit{Cause: messages.ExitReturned, Code: 4})
			w.exits(ctx, messages.Exit{Cause: messages.ExitReturned, Code: 5})
			ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: w.inc})
		})
		s.want("worker 1.0.1 exited: exit 4 next 0s", "worker 1.0.2 started as pid 2", "worker 1.0.2 ready")
	})
}

// Whoever stops the actor itself stops the workers' actors with it, and none is started
// for them: such a child would never be stopped, nor its parent.
func TestServerThatIsStoppedStartsNothing(t *testing.T) {
	serverInBubble(t, 3, nil, func(s *serverStage) {
		s.probe.StopChild()
		synctest.Wait()
		s.pass(time.Hour)
		if s.started() != 3 {
			t.Errorf("%d were started, want the first 3", s.started())
		}
		ended := false
		for _, m := range s.probe.Messages() {
			if _, ok := m.(*actor.Terminated); ok {
				ended = true
			}
		}
		if !ended || s.images.release != 1 || s.images.count() != 0 {
			t.Errorf("ended %v, %d images are open", ended, s.images.count())
		}
	})
}

func TestServerGoroutineWorkersThatCantBeEnded(t *testing.T) {
	serverInBubble(t, 2, func(o *ServerOptions) { o.Config.WorkerType = config.Thread }, func(s *serverStage) {
		s.act("1.1.1", func(_ actor.Context, w *fakeWorker) { w.deaf = true })
		s.send(gracefulStop)
		s.pass(time.Second)
		s.send(immediateStop)
		if e := s.last(); !e.Expected || e.Exit.Code != 0 {
			t.Errorf("%+v", e)
		}
		s.wantOrder("worker 1.0.1 exited: exit 0 next -1ns", "worker 1.1.1 stopping", "server 1 exited: exit 0")
		if s.logged("a goroutine worker can't be ended") != 1 {
			t.Error("the log does not say who was left behind")
		}
	})
}
