//go:build unix

package serverengine_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// A worker process that is sent one of these stops as if its server had said so, and the
// server starts the next one.
func TestTermIntAndUsr1StopAWorkerByItsPid(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			tr := serve(t, "process", 2)
			before := tr.serving(2)
			a, gate := tr.hold()
			victim := tr.holder(before)
			tr.log.mark()
			tr.kill(victim.pid, s)
			tr.saysOf(victim.incarnation, "Stop was called")
			gate.open()
			a.arrives("held by life=" + victim.incarnation)
			tr.saysOf(victim.incarnation, "worker exited: exit 0")
			tr.onlyReplaced(before, victim)
		})
	}
}

func TestHupEndsAWorkerByItsPidAtOnce(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2)
	before := tr.serving(2)
	a, gate := tr.hold()
	defer gate.open()
	victim := tr.holder(before)
	tr.log.mark()
	tr.kill(victim.pid, syscall.SIGHUP)
	a.breaks()
	tr.saysOf(victim.incarnation, "worker exited unexpectedly: signal HUP")
	tr.onlyReplaced(before, victim)
}

// QUIT is Go's: the worker's goroutines are in the log, under its name.
func TestQuitToAWorkersPidDumpsItsGoroutines(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2)
	before := tr.serving(2)
	victim := before[1]
	tr.log.mark()
	tr.kill(victim.pid, syscall.SIGQUIT)
	for _, want := range []string{"SIGQUIT: quit", "goroutine ", "(*web).Run"} {
		r := tr.saysOf(victim.incarnation, want)
		if r.Stream != "stderr" || *r.Worker != 1 || r.Pid != victim.pid {
			t.Errorf("a line of the dump is not its worker's: %s", r.line)
		}
	}
	tr.saysOf(victim.incarnation, "worker exited unexpectedly: exit 2")
	tr.onlyReplaced(before, victim)
}

func TestUsr2ToAWorkersPidReloadsIt(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2)
	before := tr.serving(2)
	tr.configure(keys{"message": "two"}) // which is not what is in force
	tr.log.mark()
	tr.kill(before[0].pid, syscall.SIGUSR2)
	tr.saysOf(before[0].incarnation, "reloaded: message one, one")
	tr.same(before)
	if n := count(tr.log.since(), "reloaded"); n != 1 {
		t.Errorf("%d workers have reloaded", n)
	}
}

func TestContToAWorkersPidDumpsIt(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2)
	before := tr.serving(2)
	tr.log.mark()
	tr.kill(before[1].pid, syscall.SIGCONT)
	tr.dumpTells(before[1].pid, "goroutine ")
	tr.dumpTells(before[1].pid, "dump of web worker 1")
	if _, err := os.Stat(tr.dumpPath(tr.pid)); err == nil {
		t.Error("the top has written one too")
	}
	tr.same(before)
}

// holder is the worker that says it holds a request.
func (tr *tree) holder(lives map[int]life) life {
	tr.t.Helper()
	r := tr.finds("a worker holds", func(r record) bool { return strings.HasPrefix(r.Msg, "holding ") })
	return lives[*r.Worker]
}

// onlyReplaced waits for the successor of one worker; all others must go on.
func (tr *tree) onlyReplaced(before map[int]life, victim life) map[int]life {
	tr.t.Helper()
	after := tr.replaced(map[int]life{victim.slot: victim})
	for slot, l := range before {
		if slot != victim.slot && after[slot] != l {
			tr.t.Errorf("worker %d was replaced too", slot)
		}
	}
	return after
}
