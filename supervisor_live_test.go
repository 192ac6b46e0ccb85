//go:build unix

package serverengine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bothOrders tells a story of a live restart in both orders.
func bothOrders(t *testing.T, story func(t *testing.T, order string)) {
	t.Parallel()
	for _, order := range []string{"new_first", "old_first"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			story(t, order)
		})
	}
}

// R1: an old server that has nothing in hand ends at once, within server_detach_wait. The
// supervisor survives it, and the new server serves.
func TestR1LiveRestartWithAnOldServerThatEndsAtOnce(t *testing.T) {
	bothOrders(t, func(t *testing.T, order string) {
		tr := supervised(t, 2, keys{"live_restart_order": order, "server_detach_wait": "60s"})
		for number := 1; number <= 3; number++ {
			tr.signal(syscall.SIGINT)
			tr.generation(number + 1)
			tr.ends(number)
			tr.says("graceful restart of the server: the new one has taken over")
			tr.eventuallyServes("life", fmt.Sprintf("%d.", number+1))
		}
		tr.onlyServer(4)
	})
}

// R2: an old server that drains for longer than server_detach_wait keeps nobody waiting.
func TestR2LiveRestartDoesNotWaitForAnOldServerThatDrains(t *testing.T) {
	bothOrders(t, func(t *testing.T, order string) {
		tr := supervised(t, 2, keys{"live_restart_order": order, "server_detach_wait": "200ms"})
		a, gate := tr.hold()
		tr.signal(syscall.SIGINT)
		tr.generation(2)
		tr.says("server told to stop (graceful): live restart")
		tr.eventuallyServes("life", "2.")
		if tr.generations()[0].ended {
			t.Error("the old server has not waited for its request")
		}
		gate.open()
		a.arrives("held by life=1.")
		tr.ends(1)
	})
}

// A request that takes seconds is finished by the old server while the new one serves, and
// clients notice nothing.
func TestLiveRestartUnderLoadFailsNoRequest(t *testing.T) {
	for _, order := range []string{"new_first", "old_first"} {
		t.Run(order, func(t *testing.T) {
			eachConnection(t, func(t *testing.T, keep bool) {
				tr := supervised(t, 2, loadKeys, keys{"live_restart_order": order, "server_detach_wait": "1s"})
				long := tr.asking("/slow?for=3s")
				tr.says("slow for 3s")
				held, gate := tr.hold() // however long the rest takes, the old one is there
				l := tr.load(8, keep)
				l.reaches(t, answers(300))
				tr.signal(syscall.SIGINT)
				tr.generation(2)
				before := tr.lives()
				l.reaches(t, answers(300))
				l.onlyBy(t, before)
				long.arrives("slow answer")
				if tr.generations()[0].ended {
					t.Error("the old server has not waited for the request in hand")
				}
				gate.open()
				held.arrives("held by life=1.")
				tr.ends(1)
				l.reaches(t, answers(100))
				l.finish()
				l.clean(t)
				if order == "new_first" {
					tr.neverWithoutAServer()
				}
			})
		})
	}
}

// onlyBy wants answers by these workers.
func (l *load) onlyBy(t *testing.T, lives map[int]life) {
	t.Helper()
	eventually(t, "the new workers answer", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, one := range lives {
			if l.pids[fmt.Sprint(one.pid)] > 0 {
				return true
			}
		}
		return false
	})
}

// neverWithoutAServer wants that from the first moment on one server was ready and not told
// to stop. The lines it looks at are all of one process: their order is what happened.
func (tr *tree) neverWithoutAServer() {
	tr.t.Helper()
	ready := map[int]bool{}
	for _, r := range tr.log.read() {
		if r.Pid != tr.pid || !strings.HasPrefix(r.Msg, "server ") {
			continue
		}
		var f struct{ Generation int }
		r.decode(tr.t, &f)
		switch {
		case r.Msg == "server process ready":
			ready[f.Generation] = true
		case strings.HasPrefix(r.Msg, "server told to stop"), strings.HasPrefix(r.Msg, "server exited"):
			delete(ready, f.Generation)
			if len(ready) == 0 {
				tr.t.Errorf("no server is ready after: %s", r.line)
			}
		}
	}
}

// A server that is killed under load: the sockets are the supervisor's, so clients wait;
// its workers answer what they have accepted, and what they print reaches the log.
func TestKilledServerUnderLoadFailsNoRequest(t *testing.T) {
	eachConnection(t, func(t *testing.T, keep bool) {
		tr := supervised(t, 2, loadKeys)
		orphans := tr.serving(2)
		l := tr.load(8, keep)
		l.reaches(t, answers(300))
		slow := tr.asking("/slow?for=1s")
		tr.says("slow for 1s")
		tr.log.mark()
		began := time.Now()
		tr.kill(tr.generation(1).pid, syscall.SIGKILL)
		tr.generation(2)
		back := time.Since(began)
		tr.replaced(orphans)
		l.reaches(t, answers(300))
		slow.arrives("slow answer")
		l.finish()
		l.clean(t)
		for _, o := range orphans {
			tr.saysOf(o.incarnation, "served all")
		}
		t.Logf("the next server was ready %s after the kill, 0 of %d requests failed", back.Round(time.Millisecond), l.answered.Load())
	})
}

// Old generations do not pile up: the oldest is ended first.
func TestMaxGenerations(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 1, keys{"max_generations": 2})
	first, gate1 := tr.hold()
	defer gate1.open()
	tr.signal(syscall.SIGINT)
	tr.generation(2)
	second, gate2 := tr.holdIn(2)
	tr.signal(syscall.SIGINT)
	tr.says("max_generations: server 1 is ended")
	first.breaks()
	tr.ends(1)
	tr.generation(3)
	gate2.open()
	second.arrives("held by life=2.")
	tr.ends(2)
}

// holdIn is hold in a worker of this generation: the one before may accept connections
// until it is told that it is replaced.
func (tr *tree) holdIn(number int) (*answer, *gate) {
	tr.t.Helper()
	for {
		tr.log.mark()
		a, g := tr.hold()
		r := tr.says("holding " + g.path)
		if strings.HasPrefix(r.Incarnation, fmt.Sprintf("%d.", number)) {
			return a, g
		}
		g.open()
		a.arrives("held by")
	}
}

func TestServerDrainTimeoutEndsAnOldServer(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 1, keys{"server_drain_timeout": "300ms"})
	a, gate := tr.hold()
	defer gate.open()
	tr.signal(syscall.SIGINT)
	tr.generation(2)
	tr.says("server_drain_timeout is over: server 1 is ended")
	a.breaks()
	tr.ends(1)
}

// With exit_on_detach another program may take over: listeners are closed at once, and the
// supervisor ends with its old server.
func TestExitOnDetachLeavesTheAddressToAnother(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"exit_on_detach": true})
	address := tr.address()
	a, gate := tr.hold()
	tr.signal(syscall.SIGINT)
	tr.says("exit_on_detach")
	eventually(t, "the address is free", func() bool {
		c, err := dial(address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	other := supervised(t, 1, keys{"address": address})
	other.serves("message", "one")
	if !tr.running() {
		t.Error("the supervisor has left its server")
	}
	gate.open()
	a.arrives("held by life=1.")
	tr.ends(1)
	tr.exits(0)
}

// A stop in the middle of a live restart ends both servers.
func TestTermDuringALiveRestart(t *testing.T) {
	bothOrders(t, func(t *testing.T, order string) {
		tr := supervised(t, 2, keys{"live_restart_order": order})
		a, gate := tr.hold()
		tr.signal(syscall.SIGINT)
		tr.says("live restart")
		if order == "new_first" {
			tr.generation(2)
		}
		tr.signal(syscall.SIGTERM)
		tr.says("graceful stop: TERM")
		gate.open()
		a.arrives("held by life=1.")
		tr.exits(0)
	})
}
