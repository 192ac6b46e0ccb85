package serverengine_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
)

// A worker with a socket of its own is killed under load: nothing is refused, what breaks is
// what that worker had in hand, and its share is served again when it is back.
func TestCrashOfAPinnedWorkerUnderLoad(t *testing.T) {
	eachConnection(t, func(t *testing.T, keep bool) {
		tr := serve(t, "process", 3, with(pinned, loadKeys))
		const clients = 12
		l := tr.load(clients, keep)
		before := tr.serving(3)
		killed := map[string]bool{}
		for range 2 {
			l.reaches(t, answers(300))
			tr.kill(before[1].pid, syscall.SIGKILL)
			killed[fmt.Sprint(before[1].pid)] = true
			after := tr.replaced(map[int]life{1: before[1]})
			c := tr.to("1")
			if body, _, err := c.get("/"); err != nil || field(body, "pid") != fmt.Sprint(after[1].pid) {
				t.Errorf("worker 1 says %q, %v; it is pid %d now", body, err, after[1].pid)
			}
			c.Close()
			before = after
		}
		l.reaches(t, answers(300))
		l.finish()
		if n := l.refused.Load(); n > 0 {
			t.Errorf("%d connections were refused", n)
		}
		if len(l.broken) > 2*clients {
			t.Errorf("%d requests broke, and two kills met %d clients", len(l.broken), clients)
		}
		for _, err := range l.broken {
			var b brokenOn
			if !errors.As(err, &b) || b.pid != "" && !killed[b.pid] {
				t.Errorf("a request broke that was not the killed workers': %v, pid %s", err, b.pid)
			}
		}
		t.Logf("%d answers, 0 refused, %d broken, from %d processes", l.answered.Load(), len(l.broken), len(l.pids))
	})
}

// What is queued on the socket of a killed worker is not lost: it waits for the next one, and
// what the others have is not touched.
func TestQueueOfAPinnedWorkerSurvivesItsCrash(t *testing.T) {
	t.Parallel()
	tr := start(t, "turns", with(pinned, keys{"worker_type": "process", "workers": 4}))
	before := tr.serving(4)
	const n = 60
	turns := tr.asksForTurns(t, "tcp", n)
	holds := map[string]*greeted{}
	for range 4 {
		turns.next(t, holds)
	}
	tr.kill(before[2].pid, syscall.SIGKILL)
	if _, err := holds["2"].Read(make([]byte, 1)); err == nil {
		t.Error("the killed worker's own connection goes on")
	}
	delete(holds, "2")
	g := turns.next(t, holds) // all others are busy: it is of slot 2's queue
	if after := tr.replaced(map[int]life{2: before[2]}); g.worker != "2" || g.pid != fmt.Sprint(after[2].pid) {
		t.Errorf("worker %s of pid %s serves it, want worker 2 of pid %d", g.worker, g.pid, after[2].pid)
	}
	turns.finish(t, holds)
	t.Logf("%d turns over 4 workers, one of them killed: %v", n, turns.by)
}
