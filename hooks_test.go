//go:build unix

package serverengine_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// hooksApp has every hook; each says that it was called, and where.
func hooksApp() serverengine.App {
	return serverengine.App{
		Name: "hooks", Worker: serverengine.Func(showShared),
		Server: func(s *serverengine.Server) (any, error) { return &hookedServer{s}, nil },
		BeforeStart: func(slot serverengine.Slot) error {
			message, _ := slot.Config.Get("message")
			say("BeforeStart of worker %d, %s, message %v", slot.ID, slot.Incarnation, message)
			switch message {
			case "no start":
				return fmt.Errorf("worker %d is not to start", slot.ID)
			case "hangs":
				forever()
			}
			return nil
		},
		AfterStart: func(slot serverengine.Slot, pid int) { say("AfterStart of worker %d, pid %d", slot.ID, pid) },
	}
}

// say prints a line that says which process it came from.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+", in pid %d\n", append(args, os.Getpid())...)
}

type hookedServer struct{ s *serverengine.Server }

// motto is what the server hands to its workers.
type motto struct {
	Words   []string
	Pid     int
	Address string // of a socket that the server listens on
}

func (h *hookedServer) BeforeRun() error {
	say("BeforeRun")
	if message, _ := h.s.Config().Get("message"); message == "no server" {
		return fmt.Errorf("the server is not to start")
	}
	ln, err := h.s.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return h.s.Share("motto", motto{[]string{"keep", "going"}, os.Getpid(), ln.Addr().String()})
}
func (h *hookedServer) AfterRun() {
	say("AfterRun")
	if message, _ := h.s.Config().Get("message"); message == "no end" {
		forever()
	}
}
func (h *hookedServer) ReloadConfig(serverengine.Config) error { say("ReloadConfig"); return nil }
func (h *hookedServer) Stop(m messages.Mode)                   { say("Stop %s", m) }
func (h *hookedServer) Restart(m messages.Mode)                { say("Restart %s", m) }

// showShared logs what the server has shared.
func showShared(ctx context.Context, self *serverengine.Self) error {
	var m motto
	err := self.Shared("motto", &m)
	missing := self.Shared("nothing", &m)
	self.Logger().WithFields(logrus.Fields{"err": err, "missing": missing}).
		Infof("motto %s of pid %d, missing: %v", strings.Join(m.Words, " "), m.Pid, missing)
	ln, err := self.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	self.Logger().Infof("the server's socket is mine: %t", ln.Addr().String() == m.Address)
	self.Ready()
	<-ctx.Done()
	return nil
}

func TestHooksRunInTheServerAndShareWithEveryWorker(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "hooks", keys{"worker_type": typ, "workers": n})
		in := fmt.Sprintf("in pid %d", tr.pid)
		tr.says("BeforeRun, " + in)
		for slot, l := range tr.serving(n) {
			tr.says(fmt.Sprintf("BeforeStart of worker %d, %s, message <nil>, %s", slot, l.incarnation, in))
			tr.says(fmt.Sprintf("AfterStart of worker %d, pid %d, %s", slot, l.pid, in))
			tr.saysOf(l.incarnation, fmt.Sprintf("motto keep going of pid %d, missing: shared value \"nothing\"", tr.pid))
			tr.saysOf(l.incarnation, "the server's socket is mine: true")
		}
		before := tr.serving(n)
		tr.signal(syscall.SIGUSR2)
		tr.says("ReloadConfig, " + in)
		tr.signal(syscall.SIGUSR1)
		tr.says("Restart graceful, " + in)
		for _, l := range tr.replaced(before) {
			tr.saysOf(l.incarnation, "motto keep going")
		}
		tr.signal(syscall.SIGTERM)
		tr.says("Stop graceful, " + in)
		tr.says("AfterRun, " + in)
		tr.exits(0)
	})
}

// An AfterRun that hangs is ended by QUIT, also by one that is not the first.
func TestQuitAgainEndsAnAfterRunThatHangs(t *testing.T) {
	t.Parallel()
	tr := start(t, "hooks", keys{"worker_type": "process", "workers": 1, "message": "no end"})
	tr.serving(1)
	tr.signal(syscall.SIGQUIT)
	tr.says("AfterRun, in pid")
	tr.signal(syscall.SIGQUIT)
	tr.exits(0)
	tr.says("immediate stop: AfterRun is not waited for")
}

// A BeforeStart that hangs holds no stop up that may kill.
func TestStopEndsAStartThatHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sig syscall.Signal
		set keys
	}{
		"QUIT":                            {syscall.SIGQUIT, keys{}},
		"QUIT under a supervisor":         {syscall.SIGQUIT, keys{"supervisor": true}},
		"stop_timeout":                    {syscall.SIGTERM, keys{"stop_timeout": "100ms"}},
		"stop_timeout under a supervisor": {syscall.SIGTERM, keys{"stop_timeout": "100ms", "supervisor": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := start(t, "hooks", with(c.set, keys{"worker_type": "process", "workers": 1, "message": "hangs"}))
			tr.says("BeforeStart of worker 0")
			tr.signal(c.sig)
			tr.exits(0)
			tr.says("worker exited: failed: its start hangs and is not waited for")
		})
	}
}

func TestBeforeRunThatFailsEndsTheServer(t *testing.T) {
	t.Parallel()
	tr := start(t, "hooks", keys{"worker_type": "thread", "message": "no server"})
	tr.exits(1)
	tr.says("hook BeforeRun: the server is not to start")
	if n := len(tr.lives()); n > 0 || count(tr.log.read(), "BeforeStart") > 0 {
		t.Errorf("%d workers were started", n)
	}
}

// A start that the hook refuses is tried again by the restart policy.
func TestBeforeStartThatFailsHoldsItsWorkerBack(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "hooks", keys{"worker_type": typ, "workers": 1, "message": "no start", "restart_backoff": "20ms", "restart_backoff_max": "50ms", "max_restarts": 0})
		tr.says("hook BeforeStart: worker 0 is not to start")
		tr.says("BeforeStart of worker 0, 1.0.3")
		tr.configure(keys{"message": "start"})
		tr.signal(syscall.SIGUSR2)
		tr.serving(1)
	})
}
