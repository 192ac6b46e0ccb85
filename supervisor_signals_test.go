//go:build unix

package serverengine_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// What the seed's signals do to the pid of a supervisor.

func TestSupervisorTermFinishesWhatIsInHand(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	a, gate := tr.hold()
	tr.signal(syscall.SIGTERM)
	tr.says("server told to stop (graceful): TERM")
	for _, l := range tr.lives() {
		tr.saysOf(l.incarnation, "worker told to stop (graceful): TERM")
	}
	gate.open()
	a.arrives("held by")
	tr.exits(0)
	tr.says("web has stopped")
	if n := len(tr.generations()); n != 1 {
		t.Errorf("%d servers were started", n)
	}
}

func TestSupervisorQuitWaitsForNobody(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	a, gate := tr.hold()
	defer gate.open()
	tr.signal(syscall.SIGTERM)
	tr.says("server told to stop (graceful): TERM")
	tr.signal(syscall.SIGQUIT) // it makes a stop more urgent
	tr.exits(0)
	a.breaks()
	tr.says("server told to stop (immediate): QUIT")
}

func TestSupervisorUsr1ReplacesTheWorkersAndKeepsTheServer(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	tr.configure(keys{"message": "two"})
	tr.moveLog()
	tr.signal(syscall.SIGUSR1)
	tr.says("signal USR1: graceful restart")
	tr.replaced(before)
	tr.says("graceful restart finished")
	tr.eventuallyServes("message", "two")
	tr.logIsBack()
	tr.onlyServer(1)
}

func TestSupervisorHupReplacesTheWorkersAtOnce(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	a, gate := tr.hold()
	defer gate.open()
	tr.configure(keys{"message": "two"})
	tr.moveLog()
	tr.signal(syscall.SIGHUP)
	tr.says("signal HUP: immediate restart")
	a.breaks()
	tr.replaced(before)
	tr.eventuallyServes("message", "two")
	tr.logIsBack()
	tr.onlyServer(1)
}

// R9, through two processes.
func TestSupervisorUsr2ReloadsInEveryWorker(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	tr.configure(keys{"message": "two"})
	tr.moveLog()
	tr.signal(syscall.SIGUSR2)
	for _, l := range before {
		tr.saysOf(l.incarnation, "reloaded: message two, two")
	}
	tr.serves("message", "two")
	tr.same(before)
	tr.logIsBack()
}

func TestSupervisorKeepsAllWhenAConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	tr.configure(keys{"start_worker_delay": "soon"})
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP, syscall.SIGUSR2} {
		tr.signal(s)
		tr.says("reload refused, the old configuration stays in force")
	}
	tr.same(before)
	tr.onlyServer(1)
}

// R13: with disable_reload a reload reopens the log, and reaches nobody below.
func TestR13DisableReloadKeepsTheServerFromReloading(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"disable_reload": true})
	before := tr.serving(2)
	tr.configure(keys{"message": "two"})
	tr.moveLog()
	for _, pid := range []int{tr.pid, tr.generation(1).pid} { // also as the server's wish
		tr.log.mark()
		tr.kill(pid, syscall.SIGUSR2)
		tr.says("disable_reload is set: the log is reopened")
		tr.serves("message", "one")
		tr.silent("reloaded")
	}
	tr.logIsBack()
	tr.same(before)
	tr.signal(syscall.SIGUSR1) // a restart is no reload
	tr.replaced(before)
}

// R10: enable_detach is on by default, and INT then is a live restart.
func TestR10IntIsALiveRestartByDefault(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	tr.signal(syscall.SIGINT)
	tr.says("live restart")
	tr.generation(2)
	tr.ends(1)
	for slot, l := range tr.replaced(before) {
		if want := fmt.Sprintf("2.%d.1", slot); l.incarnation != want {
			t.Errorf("worker %d is %s, want %s", slot, l.incarnation, want)
		}
	}
}

func TestSupervisorIntWithoutDetachStops(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"enable_detach": false})
	a, gate := tr.hold()
	defer gate.open()
	tr.signal(syscall.SIGINT)
	tr.says("server told to stop (graceful): interrupt")
	tr.signal(syscall.SIGINT)
	tr.exits(0)
	a.breaks()
	tr.says("server told to stop (immediate): interrupt")
}

func TestSupervisorContDumpsAllThreeLevels(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	server := tr.generation(1)
	tr.signal(syscall.SIGCONT)
	top := tr.dumpOf(tr.pid)
	for _, want := range []string{"goroutine ", "Memory: ", fmt.Sprintf("server 1 (pid %d): ready", server.pid), "worker 0, 1.0.1"} {
		if !strings.Contains(top, want) {
			t.Errorf("the top's dump lacks %q", want)
		}
	}
	if dump := tr.dumpOf(server.pid); !strings.Contains(dump, "goroutine ") {
		t.Error("the server's dump has no stacks")
	}
	for _, l := range tr.lives() {
		tr.dumpTells(l.pid, fmt.Sprintf("dump of web worker %d", l.slot))
	}
}

func TestSupervisorContIsIgnoredWithDisableSigdump(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"disable_sigdump": true})
	for _, pid := range []int{tr.pid, tr.generation(1).pid} {
		tr.log.mark()
		tr.kill(pid, syscall.SIGCONT)
		tr.says("signal CONT: dump")
		tr.signal(syscall.SIGUSR2) // what follows has been handled after it
		tr.says("reloaded")
	}
	if left, err := os.ReadDir(tr.dir); err != nil || strings.Contains(fmt.Sprint(left), "sigdump") {
		t.Errorf("there is a dump file: %v, %v", left, err)
	}
}

func TestSupervisorTtinAndTtouScale(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2)
	before := tr.serving(2)
	tr.signal(syscall.SIGTTIN)
	tr.serving(3)
	tr.kill(tr.generation(1).pid, syscall.SIGTTIN) // a wish of the server's
	tr.serving(4)
	tr.signal(syscall.SIGTTOU)
	three := tr.serving(3)
	for slot, l := range before {
		if three[slot] != l {
			t.Errorf("worker %d was replaced", slot)
		}
	}
	tr.signal(syscall.SIGUSR2) // the file says 2 as before: the scale stays
	tr.says("reloaded")
	tr.same(three)
	tr.signal(syscall.SIGINT)
	tr.generation(2)
	tr.ends(1)
	if n := len(tr.serving(3)); n != 3 {
		t.Errorf("%d workers after a live restart", n)
	}
}

// With restart_server_process USR1 and HUP replace the server process, the old one first.
func TestRestartServerProcessBySignals(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"restart_server_process": true, "server_process_name": "the server"})
	a, gate := tr.hold()
	tr.configure(keys{"message": "two"})
	tr.signal(syscall.SIGUSR1)
	tr.says("server told to stop (graceful): graceful restart of the server process")
	waiting := tr.asking("/") // nobody is refused meanwhile
	if n := len(tr.generations()); n != 1 {
		t.Errorf("server %d is started beside the old one", n)
	}
	gate.open()
	a.arrives("held by")
	tr.generation(2)
	waiting.arrives("life=")
	tr.says("graceful restart of the server")
	tr.serves("message", "two")
	a, gate = tr.hold()
	defer gate.open()
	tr.signal(syscall.SIGHUP)
	tr.says("server told to stop (immediate): immediate restart of the server process")
	a.breaks()
	tr.generation(3)
	tr.says("immediate restart of the server")
	tr.signal(syscall.SIGUSR2) // a reload restarts nobody
	tr.says("reloaded")
	if n := len(tr.generations()); n != 3 {
		t.Errorf("%d servers were started", n)
	}
}

// serves wants a field of an answer.
func (tr *tree) serves(name, want string) {
	tr.t.Helper()
	if body := tr.mustGet("/"); field(body, name) != want {
		tr.t.Errorf("%s is not %s: %s", name, want, body)
	}
}

// eventuallyServes waits until workers that are on their way out answer no more.
func (tr *tree) eventuallyServes(name, want string) {
	tr.t.Helper()
	eventually(tr.t, name+" is "+want, func() bool { return strings.HasPrefix(field(tr.mustGet("/"), name), want) })
}

// onlyServer wants this generation to be the last, and to live.
func (tr *tree) onlyServer(number int) {
	tr.t.Helper()
	all := tr.generations()
	if len(all) != number || all[number-1].ended {
		tr.t.Errorf("the servers are %+v", all)
	}
}
