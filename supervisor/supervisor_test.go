package supervisor

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

func TestSupervisorKeepsAServer(t *testing.T) {
	var pids []int
	supervisorInBubble(t, func(o *SupervisorOptions) {
		o.Started = func(pid int) {
			pids = append(pids, pid)
			if pid == 1002 {
				panic("a mistake of the user's")
			}
		}
	}, func(s *supervisorStage) {
		s.want("server 1 started as pid 1001", "server 1 ready")
		s.says(1, messages.WorkerReady{Incarnation: messages.Incarnation{Generation: 1, Slot: 0, Life: 1}})
		s.want("worker 1.0.1 ready")
		s.says(1, messages.Beat{})
		s.says(1, messages.Progress{})
		s.skip()
		s.exit(1, killed)
		s.pass(time.Second)
		s.want("server 1 exited: signal KILL", "server 2 started as pid 1002", "server 2 ready")
		s.exit(2, exitCode(0)) // somebody has signalled its pid
		s.pass(time.Second)
		s.want("server 2 exited: exit 0", "server 3 started as pid 1003", "server 3 ready")
		if s.logged(logrus.ErrorLevel, "exited unexpectedly") != 1 {
			t.Error("a kill is an error in the log, an exit with 0 is none")
		}
		if len(pids) != 3 || s.logged(logrus.ErrorLevel, "ServerStarted") != 1 {
			t.Errorf("ServerStarted was called with %v", pids)
		}
		s.send(messages.Stop{Mode: messages.Graceful, Reason: "TERM"})
		s.wantTold(3, "graceful stop")
		s.want("server 3 told to stop (graceful): TERM", "server 3 exited: exit 0", "server 0 exited: exit 0")
	})
}

// A ServerStarted that hangs holds up nobody: it runs beside the supervisor.
func TestSupervisorHookThatHangs(t *testing.T) {
	var hold chan struct{} // made in the bubble
	supervisorInBubble(t, func(o *SupervisorOptions) {
		hold = make(chan struct{})
		o.Started = func(int) { <-hold }
	}, func(s *supervisorStage) {
		s.want("server 1 started as pid 1001", "server 1 ready")
		s.send(messages.Stop{Mode: messages.Graceful, Reason: "TERM"})
		s.want("server 1 told to stop (graceful): TERM", "server 1 exited: exit 0", "server 0 exited: exit 0")
		close(hold)
	})
}

func exitCode(n int) messages.Exit { return messages.Exit{Cause: messages.ExitReturned, Code: n} }

func TestSupervisorLiveRestart(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.newServers(true, false)
		s.skip()
		s.send(messages.LiveRestart{})
		s.want("server 2 started as pid 1002")
		s.wantTold(1)
		s.ready(2)
		s.wantTold(1, "graceful stop")
		s.want("server 2 ready", "server 1 told to stop (graceful): live restart: server 2 is ready",
			"graceful restart finished", "server 1 exited: exit 0")
		if s.server(2).image == 0 {
			t.Error("the new server runs the old image")
		}
		if s.images.count() != 1 {
			t.Errorf("%d images are open for one server", s.images.count())
		}
	})
}

func TestSupervisorOldFirst(t *testing.T) {
	supervisorInBubble(t, func(o *SupervisorOptions) { o.Config.LiveRestartOrder = config.OldFirst }, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.skip()
		s.send(messages.LiveRestart{}) // the old server obeys at once: R1
		s.want("server 1 told to stop (graceful): live restart", "server 1 exited: exit 0",
			"server 2 started as pid 1002", "server 2 ready", "graceful restart finished")
		s.newServers(false, true)
		s.pass(time.Minute)
		s.send(messages.LiveRestart{})
		s.skip()
		s.pass(time.Minute)
		s.send(messages.LiveRestart{}) // server 3 is deaf: R2
		s.pass(10*time.Second - 1)
		s.want("server 3 told to stop (graceful): live restart")
		s.pass(1)
		s.want("server 4 started as pid 1004", "server 4 ready", "graceful restart finished")
		s.wantTold(3, "graceful stop")
		s.exit(3, killed)
		s.skip()
	})
}

func TestSupervisorRestartsTheServerProcess(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.newServers(false, true)
		s.pass(time.Minute)
		s.exit(1, killed)
		s.pass(time.Second)
		s.skip()
		s.send(RestartServer{Mode: messages.Graceful})
		s.send(RestartServer{Mode: messages.Immediate})
		s.pass(time.Minute)
		s.wantTold(2, "graceful stop", "immediate stop")
		s.wantStarted(2)
		s.skip()
		s.exit(2, exitCode(0))
		s.pass(time.Second)
		s.want("server 2 exited: exit 0", "server 3 started as pid 1003", "server 3 ready", "immediate restart finished")
		if n := s.server(3).image; n == 0 || s.images.count() != 1 {
			t.Errorf("it runs image %d, %d are open", n, s.images.count())
		}
	})
}

// A program that can't be opened refuses a restart, and nobody is told to stop for it.
func TestSupervisorRefusesToRestartWithoutAProgram(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.skip()
		s.images.set(errors.New("no such file"), nil)
		for _, m := range []any{messages.LiveRestart{}, RestartServer{}, messages.Restart{}} {
			s.send(m)
			s.want("graceful restart aborted: no such file")
		}
		s.wantTold(1)
		if s.logged(logrus.ErrorLevel, "no such file") != 3 {
			t.Error("it is not in the log")
		}
	})
}

func TestSupervisorThatHasNoProgramAtStart(t *testing.T) {
	supervisorInBubble(t, func(o *SupervisorOptions) {
		o.Images.(*fakeImages).set(errors.New("no such file"), nil)
	}, func(s *supervisorStage) {
		s.want("server 0 exited: failed: no such file")
		s.send(messages.Deliver{ID: 4})
		s.want("reply 4: no server is running")
	})
}

// A server that does not come up is tried again with what is at the program's path then.
func TestSupervisorTriesALiveRestartAgain(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.newServers(true, false)
		s.skip()
		s.send(messages.LiveRestart{})
		broken := s.server(2).image
		s.exit(2, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: "exec format error"})
		s.want("server 2 started as pid 1002", "server 2 exited: failed: exec format error",
			"graceful restart aborted: the new server did not come up: failed: exec format error")
		s.images.set(errors.New("no such file"), nil)
		s.pass(10 * time.Second)
		s.wantStarted(2)
		s.images.set(nil, nil)
		s.pass(time.Minute)
		s.wantStarted(3)
		if n := s.server(3).image; n == broken {
			t.Error("the broken program is started again")
		}
		s.wantTold(1)
		s.ready(3)
		s.wantTold(1, "graceful stop")
		if s.images.count() != 1 {
			t.Errorf("%d images are open for one server", s.images.count())
		}
	})
}

func TestSupervisorPassesRestartsOfWorkersOn(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.skip()
		s.send(messages.Restart{Mode: messages.Graceful})
		s.wantTold(1, "graceful restart")
		s.exit(1, killed) // before the workers run it
		s.want("graceful restart aborted: the server ended", "server 1 exited: signal KILL",
			"server 2 started as pid 1002", "server 2 ready")
		if n := s.server(2).image; n != 0 {
			t.Fatalf("a crash during the deploy is repaired with image %d", n)
		}
		s.pass(time.Minute)
		s.send(messages.Restart{Mode: messages.Immediate})
		s.says(2, messages.RestartFinished{Mode: messages.Immediate})
		s.exit(2, killed)
		s.pass(time.Second)
		if n := s.server(3).image; n == 0 {
			t.Fatal("a crash after the deploy goes back to the old version")
		}
		deployed := s.server(3).image
		s.pass(time.Minute)
		s.send(messages.Restart{Mode: messages.Graceful})
		s.says(3, messages.RestartFinished{Reason: "the new worker is not ready"})
		s.exit(3, killed)
		s.pass(time.Second)
		if n := s.server(4).image; n != deployed {
			t.Fatalf("a crash after a deploy that failed is repaired with image %d, want %d", n, deployed)
		}
		if s.images.count() != 1 {
			t.Errorf("%d images are open for one server", s.images.count())
		}
	})
}

// What an old server says of its own restart says nothing about the present one's.
func TestSupervisorHearsWhoseRestartFinished(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.newServers(false, true)
		s.pass(time.Minute)
		s.exit(1, killed)
		s.pass(time.Second)
		s.pass(time.Minute)
		s.send(messages.LiveRestart{}) // 2 drains, 3 serves
		s.pass(time.Minute)
		s.send(messages.Restart{Mode: messages.Graceful})
		s.wantTold(2, "graceful stop")
		s.wantTold(3, "graceful restart")
		before := s.server(3).image
		s.says(2, messages.RestartFinished{Mode: messages.Graceful, Reason: "stopped"})
		s.says(3, messages.RestartFinished{Mode: messages.Graceful})
		s.exit(3, killed)
		s.pass(time.Second)
		if n := s.server(4).image; n == before {
			t.Fatal("a crash after the deploy goes back to the old version")
		}
		s.exit(2, exitCode(0))
	})
}

func TestSupervisorConfiguresItsServers(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.configure(2, messages.CauseScale, func(c *config.Config) { c.Workers = 7 })
		s.wantTold(1, "configuration 2 (scale)")
		s.configure(2, messages.CauseReload, func(c *config.Config) { c.Workers = 9 }) // old
		s.wantTold(1, "configuration 2 (scale)")
		s.configure(3, messages.CauseReload, func(c *config.Config) {
			c.Workers, c.ServerHeartbeatInterval, c.ServerRestartWait = 7, 3*time.Second, 30*time.Second
		})
		s.wantTold(1, "configuration 2 (scale)", "timing 3s", "configuration 3 (reload)")
		s.send(messages.Configure{Version: 4, Body: []byte("not one")})
		if s.logged(logrus.ErrorLevel, "configuration 4") != 1 {
			t.Error("a configuration that can't be read is not shown")
		}
		s.exit(1, killed) // a run-time scale survives it; server_restart_wait was reloaded
		s.pass(29 * time.Second)
		s.wantStarted(1)
		s.pass(time.Second)
		if p := s.server(2); p.cfg.Workers != 7 || p.version != 3 {
			t.Errorf("the new server starts with %d workers of configuration %d", p.cfg.Workers, p.version)
		}
	})
}

func TestSupervisorPassesMessagesAndDumpsOn(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.newServers(true, true)
		s.send(messages.LiveRestart{})
		s.send(messages.Dump{})
		s.send(messages.Deliver{ID: 1, Slot: 0})
		s.wantTold(1, "dump", "deliver 0 bytes to slot 0") // it has the ready workers
		s.wantTold(2, "dump")
		s.exit(1, killed)
		s.exit(2, killed)
		s.skip()
		s.send(messages.Deliver{ID: 2})
		s.send(messages.Deliver{})
		s.want("reply 2: no server is running")
		if s.logged(logrus.WarnLevel, "is dropped") != 1 {
			t.Error("a message without an answer is lost in silence")
		}
	})
}

func TestSupervisorExitOnDetach(t *testing.T) {
	supervisorInBubble(t, func(o *SupervisorOptions) { o.Config.ExitOnDetach = true }, func(s *supervisorStage) {
		s.newServers(false, true)
		s.exit(1, killed)
		s.pass(time.Second)
		s.skip()
		s.send(messages.LiveRestart{})
		s.wantTold(2, "graceful stop")
		if n := len(probe.Of[Leave](s.probe.Messages())); n != 1 {
			t.Fatalf("%d Leave", n)
		}
		s.pass(time.Hour)
		s.wantStarted(2)
		s.skip()
		s.exit(2, exitCode(0))
		s.want("server 2 exited: exit 0", "server 0 exited: exit 0")
	})
}

func TestSupervisorPassesAnUnrecoverableExitOn(t *testing.T) {
	supervisorInBubble(t, func(o *SupervisorOptions) { o.Config.UnrecoverableExitCodes = []int{3} }, func(s *supervisorStage) {
		s.skip()
		s.exit(1, exitCode(3))
		s.want("server 1 exited: exit 3", "server 0 exited: exit 3")
	})
}

func TestSupervisorStops(t *testing.T) {
	t.Run("a deaf server", func(t *testing.T) {
		supervisorInBubble(t, func(o *SupervisorOptions) { o.Config.StopTimeout = 30 * time.Second }, func(s *supervisorStage) {
			s.newServers(false, true)
			s.exit(1, killed)
			s.pass(time.Second)
			s.skip()
			s.send(messages.Stop{Mode: messages.Graceful})
			s.send(messages.LiveRestart{})
			s.send(RestartServer{})
			s.pass(29 * time.Second)
			s.send(messages.Stop{Mode: messages.Immediate})
			s.skip()
			s.pass(time.Second + actors.ServerMargin)
			s.wantTold(2, "graceful stop", "immediate stop", "kill")
			s.want("server 2 exited: signal KILL", "server 0 exited: exit 0")
			if s.logged(logrus.InfoLevel, "waiting for server 2 (pid 1002)") < 5 {
				t.Error("nobody says who is left")
			}
		})
	})
	t.Run("before the program is open", func(t *testing.T) {
		var hold chan struct{} // made in the bubble
		supervisorInBubble(t, func(o *SupervisorOptions) {
			hold = make(chan struct{})
			o.Images.(*fakeImages).set(nil, hold)
		}, func(s *supervisorStage) {
			s.send(messages.Deliver{ID: 1})
			s.want("reply 1: no server is running")
			s.send(messages.Stop{Mode: messages.Graceful})
			s.images.set(nil, nil)
			close(hold)
			synctest.Wait()
			s.pass(time.Minute)
			s.want("server 0 exited: exit 0")
		})
	})
	t.Run("while a live restart opens the program", func(t *testing.T) {
		supervisorInBubble(t, nil, func(s *supervisorStage) {
			hold := make(chan struct{})
			s.pass(time.Minute)
			s.images.set(nil, hold)
			s.send(messages.LiveRestart{})
			s.send(messages.Stop{Mode: messages.Graceful})
			close(hold)
			s.pass(time.Minute)
			s.wantStarted(1)
		})
	})
}

// An actor that ends without last words has panicked: its server is as good as crashed.
func TestSupervisorSurvivesTheEndOfAProxy(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.skip()
		s.act(1, func(actor.Context, *fakeProxy) { panic("a mistake of ours") })
		s.pass(time.Second)
		s.want("server 1 exited: panic: its actor ended", "server 2 started as pid 1002", "server 2 ready")
	})
}
