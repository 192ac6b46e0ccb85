//go:build unix

package serverengine_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// eachType tells a story once for each worker type, with the number of workers it has.
func eachType(t *testing.T, story func(t *testing.T, typ string, workers int)) {
	t.Parallel()
	for _, c := range []struct {
		typ     string
		workers int
	}{{"embedded", 1}, {"thread", 2}, {"process", 2}} {
		t.Run(c.typ, func(t *testing.T) {
			t.Parallel()
			story(t, c.typ, c.workers)
		})
	}
}

// serve starts the web program and waits until its workers serve.
func serve(t *testing.T, typ string, workers int, more ...keys) *tree {
	t.Helper()
	settings := keys{"worker_type": typ, "workers": workers, "message": "one"}
	for _, m := range more {
		for k, v := range m {
			settings[k] = v
		}
	}
	tr := start(t, "web", settings)
	tr.serving(workers)
	return tr
}

func TestTermFinishesWhatIsInHandAndStops(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		a, gate := tr.hold()
		tr.signal(syscall.SIGTERM)
		tr.says("signal TERM: graceful stop")
		for _, l := range tr.lives() {
			tr.saysOf(l.incarnation, "worker told to stop (graceful): TERM")
			tr.saysOf(l.incarnation, "Stop was called")
		}
		gate.open()
		a.arrives("held by")
		tr.exits(0)
		tr.says("web has stopped")
	})
}

func TestQuitWaitsForNobody(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		a, gate := tr.hold()
		defer gate.open()
		tr.signal(syscall.SIGQUIT)
		tr.exits(0)
		a.breaks()
		tr.says("signal QUIT: immediate stop")
		tr.says("web has stopped")
	})
}

func TestUsr1ReplacesAllWorkersWithANewConfiguration(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		tr.configure(keys{"message": "two"})
		tr.moveLog()
		tr.signal(syscall.SIGUSR1)
		tr.says("signal USR1: graceful restart")
		tr.replaced(before)
		tr.says("graceful restart finished")
		if body := tr.mustGet("/"); field(body, "message") != "two" {
			t.Errorf("after the restart: %s", body)
		}
		tr.logIsBack()
	})
}

func TestUsr1WithABadConfigurationRestartsNobody(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		tr.configure(keys{"start_worker_delay": "soon"})
		tr.signal(syscall.SIGUSR1)
		tr.says("reload refused, the old configuration stays in force")
		tr.says("graceful restart refused")
		tr.same(before)
		tr.configure(keys{"start_worker_delay": 0})
	})
}

// Process workers are ended where they stand; goroutines can't be, and finish.
func TestHupReplacesAllWorkersAtOnce(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		a, gate := tr.hold()
		tr.configure(keys{"message": "two"})
		tr.moveLog()
		tr.signal(syscall.SIGHUP)
		tr.says("signal HUP: immediate restart")
		if typ == "process" {
			a.breaks()
			gate.open()
		} else {
			tr.says("goroutine workers can't be killed, the restart is graceful")
			gate.open()
			a.arrives("held by")
		}
		tr.replaced(before)
		tr.says("restart finished")
		if body := tr.mustGet("/"); field(body, "message") != "two" {
			t.Errorf("after the restart: %s", body)
		}
		tr.logIsBack()
	})
}

// R9: the workers see the reloaded configuration, in processes too.
func TestUsr2ReloadsInEveryWorker(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		tr.configure(keys{"message": "two"})
		tr.moveLog()
		tr.signal(syscall.SIGUSR2)
		tr.says("signal USR2: reload")
		for _, l := range before {
			tr.saysOf(l.incarnation, "reloaded: message two, two")
		}
		if body := tr.mustGet("/"); field(body, "message") != "two" {
			t.Errorf("after the reload: %s", body)
		}
		tr.same(before)
		tr.logIsBack()
	})
}

func TestIntStopsAndASecondOneWaitsForNobody(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		a, gate := tr.hold()
		defer gate.open()
		tr.signal(syscall.SIGINT)
		tr.says("graceful stop: interrupt")
		for _, l := range tr.lives() {
			tr.saysOf(l.incarnation, "worker told to stop (graceful)")
		}
		tr.signal(syscall.SIGINT)
		tr.exits(0)
		a.breaks()
		tr.says("immediate stop: interrupt")
	})
}

func TestIntFinishesWhatIsInHand(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		a, gate := tr.hold()
		tr.signal(syscall.SIGINT)
		tr.says("graceful stop: interrupt")
		gate.open()
		a.arrives("held by")
		tr.exits(0)
	})
}

func TestContDumpsTopAndWorkers(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		lives := tr.serving(n)
		tr.signal(syscall.SIGCONT)
		top := tr.dumpOf(tr.pid)
		for _, want := range []string{"goroutine ", "Memory: ", "web (pid " + fmt.Sprint(tr.pid), "worker 0, 1.0.1"} {
			if !strings.Contains(top, want) {
				t.Errorf("the top's dump lacks %q", want)
			}
		}
		for _, l := range lives {
			want := fmt.Sprintf("dump of web worker %d", l.slot)
			pid := l.pid
			if typ != "process" {
				pid = tr.pid
			}
			tr.dumpTells(pid, want)
		}
		tr.same(lives)
	})
}

func TestContIsIgnoredWithDisableSigdump(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n, keys{"disable_sigdump": true})
		tr.signal(syscall.SIGCONT)
		tr.says("signal CONT: dump")
		tr.signal(syscall.SIGUSR2) // what follows has been handled after it
		tr.says("reloaded")
		tr.silent("dump written")
		if _, err := os.Stat(tr.dumpPath(tr.pid)); err == nil {
			t.Error("there is a dump file")
		}
	})
}

// embedded has one worker whatever is wanted.
func TestTtinAndTtouScale(t *testing.T) {
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tr := serve(t, typ, 2)
			before := tr.serving(2)
			tr.signal(syscall.SIGTTIN)
			tr.says("workers 2 → 3 (now)")
			three := tr.serving(3)
			for slot, l := range before {
				if three[slot] != l {
					t.Errorf("worker %d was replaced", slot)
				}
			}
			tr.signal(syscall.SIGTTOU)
			tr.says("workers 3 → 2 (now)")
			tr.saysOf(three[2].incarnation, "worker exited: exit 0")
			tr.same(tr.serving(2))
			for _, said := range []string{"workers 2 → 1 (now)", "workers 1 → 0 (now)", "workers 0 → 0 (now)"} {
				tr.signal(syscall.SIGTTOU)
				tr.says(said)
			}
			tr.serving(0)
			tr.signal(syscall.SIGTTIN)
			tr.serving(1)
		})
	}
}

// moveLog does what an external rotation does, before the log is reopened.
func (tr *tree) moveLog() {
	tr.t.Helper()
	if err := os.Rename(tr.log.path, tr.path("log.old")); err != nil {
		tr.t.Fatal(err)
	}
}

// logIsBack wants the log to be written at its old name.
func (tr *tree) logIsBack() {
	tr.t.Helper()
	eventually(tr.t, "the log is reopened", func() bool {
		_, err := os.Stat(tr.log.path)
		return err == nil
	})
	tr.signal(syscall.SIGUSR2)
	eventually(tr.t, "the new log is written", func() bool {
		b, _ := os.ReadFile(tr.log.path)
		return strings.Contains(string(b), "signal USR2")
	})
}

func (tr *tree) dumpPath(pid int) string { return tr.path(fmt.Sprintf("sigdump-%d.log", pid)) }

// dumpOf waits for a whole dump of a process: what it logs comes after the file.
func (tr *tree) dumpOf(pid int) string {
	tr.t.Helper()
	tr.says("dump written to " + tr.dumpPath(pid))
	b, err := os.ReadFile(tr.dumpPath(pid))
	if err != nil {
		tr.t.Fatal(err)
	}
	return string(b)
}

// dumpTells waits for what a worker adds to a dump that is written already.
func (tr *tree) dumpTells(pid int, want string) {
	tr.t.Helper()
	eventually(tr.t, "the dump tells: "+want, func() bool { return strings.Contains(tr.dumpOf(pid), want) })
}
