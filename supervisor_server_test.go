//go:build unix

package serverengine_test

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the same signals do to the pid of a server under a supervisor: a stop is the
// server's own, and its supervisor starts another; the rest is a wish that the top obeys.

func TestSignalsThatStopTheServerStartAnother(t *testing.T) {
	for _, c := range []struct {
		signal   syscall.Signal
		name     string
		finishes bool
	}{{syscall.SIGTERM, "TERM", true}, {syscall.SIGINT, "INT", true}, {syscall.SIGQUIT, "QUIT", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := supervised(t, 2)
			a, gate := tr.hold()
			defer gate.open()
			tr.log.mark()
			tr.kill(tr.generation(1).pid, c.signal)
			tr.says("signal " + c.name)
			if c.finishes {
				tr.says("worker told to stop (graceful): " + c.name)
				gate.open()
				a.arrives("held by")
			} else {
				a.breaks()
			}
			tr.generation(2)
			tr.eventuallyServes("life", "2.")
			if r := tr.says("server exited: exit 0"); r.Level != "info" {
				t.Errorf("a stop is an accident: %s", r.line)
			}
		})
	}
}

func TestSignalsToTheServerThatAreWishes(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	server := tr.generation(1)
	wish := func(s syscall.Signal) {
		tr.log.mark()
		tr.kill(server.pid, s)
	}
	before := tr.serving(2)
	tr.configure(keys{"message": "two"})
	wish(syscall.SIGUSR2)
	for _, l := range before {
		tr.saysOf(l.incarnation, "reloaded: message two, two")
	}
	tr.same(before)
	tr.configure(keys{"message": "three"})
	wish(syscall.SIGUSR1)
	tr.says("configuration: ") // loaded by the top
	before = tr.replaced(before)
	tr.says("graceful restart finished")
	tr.eventuallyServes("message", "three")
	wish(syscall.SIGHUP)
	tr.replaced(before)
	tr.says("immediate restart finished")
	wish(syscall.SIGTTIN)
	tr.serving(3)
	wish(syscall.SIGTTOU)
	tr.serving(2)
	wish(syscall.SIGCONT)
	tr.dumpOf(server.pid)
	for _, l := range tr.lives() {
		tr.dumpOf(l.pid)
	}
	tr.silent("dump written to " + tr.dumpPath(tr.pid))
	tr.onlyServer(1)
}

func TestWishForARestartOfTheServerProcess(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"restart_server_process": true})
	tr.kill(tr.generation(1).pid, syscall.SIGUSR1)
	tr.generation(2)
	tr.ends(1)
	tr.mustGet("/")
}

// R3: the workers of a server that was killed finish, keep nothing, and are gone in time;
// another server serves on the same socket meanwhile.
func TestR3KilledServerIsReplacedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"orphan_timeout": "2s"})
	orphans := tr.serving(2)
	a := tr.asking("/slow?for=500ms")
	tr.says("slow for")
	stuck, gate := tr.hold()
	defer gate.open()
	tr.log.mark()
	tr.kill(tr.generation(1).pid, syscall.SIGKILL)
	if r := tr.says("server exited unexpectedly: signal KILL"); r.Level != "error" {
		t.Errorf("not an error: %s", r.line)
	}
	for _, l := range orphans {
		tr.saysOf(l.incarnation, "the parent process is gone") // their log has its reader still
	}
	tr.generation(2)
	tr.eventuallyServes("life", "2.")
	a.arrives("slow answer")
	stuck.breaks()
	eventually(t, "the old workers are gone", func() bool {
		for _, l := range orphans {
			if syscall.Kill(l.pid, 0) == nil {
				return false
			}
		}
		return true
	})
	if n := count(tr.log.read(), "address already in use"); n > 0 {
		t.Errorf("%d workers found their port taken", n)
	}
	tr.onlyServer(2)
}

// R4: without its supervisor a server ends, with its workers, and the port is free.
func TestR4KilledSupervisorLeavesNothing(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"orphan_timeout": "2s"})
	address := tr.address()
	a := tr.asking("/slow?for=500ms")
	tr.says("slow for")
	stuck, gate := tr.hold()
	defer gate.open()
	began := time.Now()
	tr.kill(tr.pid, syscall.SIGKILL)
	tr.gone()
	a.arrives("slow answer")
	stuck.breaks()
	eventually(t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
	if d := time.Since(began); d > 2*time.Second+patience/4 {
		t.Errorf("it took %s, orphan_timeout is 2 s", d)
	}
	wantFree(t, address)
}

// wantFree listens on an address that nobody else may have.
func wantFree(t *testing.T, address string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port is taken: %v", err)
	}
	_ = l.Close()
}

// R5: a stop during start_worker_delay starts nobody afterwards, wherever it arrives.
func TestR5TermDuringStartWorkerDelayStartsNobody(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", supervisedKeys(3, keys{"start_worker_delay": "1h"}))
	tr.serving(1)
	tr.kill(tr.generations()[0].pid, syscall.SIGTERM)
	tr.ends(1) // and its supervisor starts another
	eventually(t, "server 2 has a worker", func() bool { return strings.HasPrefix(tr.lives()[0].incarnation, "2.") })
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	if n := count(tr.log.read(), "worker started"); n != 2 {
		t.Errorf("%d workers were started", n)
	}
}

// A run-time scale is the top's: a new server has it.
func TestKilledServerKeepsARunTimeScale(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 1)
	tr.signal(syscall.SIGTTIN)
	before := tr.serving(2)
	tr.kill(tr.generation(1).pid, syscall.SIGKILL)
	tr.generation(2)
	after := tr.replaced(before)
	if len(after) != 2 || after[1].incarnation != "2.1.1" {
		t.Errorf("after the crash: %v", after)
	}
}

// The last words of a server that panics reach the log.
func TestPanicInAServerHookIsLoggedAndRepaired(t *testing.T) {
	t.Parallel()
	tr := start(t, "panicking server", supervisedKeys(1, keys{"restart_backoff": "50ms"}))
	tr.says("a goroutine of the server panics")
	tr.says("server exited unexpectedly: exit 2")
	eventually(t, "a second server is started", func() bool { return len(tr.generations()) >= 2 })
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
}

func TestServerStartedIsCalledInTheSupervisor(t *testing.T) {
	t.Parallel()
	tr := start(t, "server started", supervisedKeys(1))
	tr.mayLeaveOrphans()
	for number := 1; number <= 2; number++ {
		g := tr.generation(number)
		tr.says(fmt.Sprintf("ServerStarted with pid %d, in pid %d", g.pid, tr.pid))
		if number == 1 {
			tr.kill(g.pid, syscall.SIGKILL)
		}
	}
}
