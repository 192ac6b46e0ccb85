//go:build unix

package serverengine_test

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// rounds says how many of the 50 kills at each level this kind of run makes.
func rounds(n int) int {
	if testing.Short() || raceEnabled {
		return n / 5
	}
	return n
}

// Kills at random moments under load, below the supervisor: no connection is ever refused,
// no request is lost but those that the killed worker had in hand, and the service is back
// each time.
func TestKillsUnderLoadBelowTheSupervisor(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, loadKeys, keys{"restart_backoff": 0, "max_restarts": 0, "server_restart_wait": 0})
	const clients = 6
	l := tr.load(clients, true)
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	kills := 0 // of workers
	var back []time.Duration
	for range rounds(50) {
		l.reaches(t, r.Int64N(answers(100))+1)
		all := tr.generations()
		server := tr.generation(len(all))
		if r.IntN(2) == 0 {
			back = append(back, tr.answersAgain(server.pid))
			tr.generation(server.number + 1)
			continue
		}
		workers := tr.lives()
		victim, ok := workers[r.IntN(2)]
		if !ok || syscall.Kill(victim.pid, 0) != nil {
			continue // it is between two lives
		}
		kills++
		back = append(back, tr.answersAgain(victim.pid))
		tr.replaced(map[int]life{victim.slot: victim})
	}
	l.reaches(t, answers(200))
	l.finish()
	if n := l.refused.Load(); n > 0 {
		t.Errorf("%d connections were refused", n)
	}
	if len(l.broken) > kills*clients {
		t.Errorf("%d requests broke in %d kills of workers: %v", len(l.broken), kills, l.broken[0])
	}
	last := len(tr.generations())
	tr.generation(last)
	eventually(t, "three processes are left", func() bool { return len(tr.family()) == 4 })
	tr.onlyServer(last)
	if len(back) > 0 {
		t.Logf("%d kills of servers, %d of workers: %d answers, 0 refused, %d cut off; kill -9 to the next answer: median %s, worst %s",
			len(back)-kills, kills, l.answered.Load(), len(l.broken), percentile(back, 50), slices.Max(back))
	}
}

// answersAgain kills a process and measures until the next answer on a new connection.
func (tr *tree) answersAgain(victim int) time.Duration {
	tr.t.Helper()
	began := time.Now()
	tr.kill(victim, syscall.SIGKILL)
	eventually(tr.t, "there is an answer", func() bool {
		_, err := tr.get("/")
		return err == nil
	})
	return time.Since(began)
}

// Kills of the supervisor at random moments, also while it starts and while it restarts:
// nothing is left after orphan_timeout, and the port is free.
func TestKillsOfTheSupervisorLeaveNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano())))
	for n := range rounds(50) {
		tr := start(t, "web", supervisedKeys(2, keys{"orphan_timeout": "1s", "restart_backoff": 0}))
		var l *load
		if n%4 > 0 { // else in the middle of the start
			tr.generation(1)
			l = tr.load(2, n%2 == 0)
			l.reaches(t, r.Int64N(answers(60))+1)
		} else {
			eventually(t, "something is logged", func() bool { return len(tr.log.read()) > r.IntN(6) })
		}
		switch n % 4 {
		case 2:
			tr.signal(syscall.SIGINT)
		case 3:
			tr.signal(syscall.SIGUSR1)
		}
		began := time.Now()
		tr.kill(tr.pid, syscall.SIGKILL)
		tr.gone()
		eventually(t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
		if d := time.Since(began); d > time.Second+patience/4 {
			t.Errorf("it took %s, orphan_timeout is 1 s", d)
		}
		if l != nil {
			l.finish()
			wantFree(t, l.address)
		}
	}
}
