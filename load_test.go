//go:build unix

package serverengine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// loadKeys give clients of a busy machine time to send their next request while a worker
// still says that it closes.
var loadKeys = keys{"drain_wait": "500ms"}

// answers says how many answers a load test wants, by the kind of run.
func answers(n int64) int64 {
	if testing.Short() || raceEnabled {
		return n / 10
	}
	return n
}

// eachConnection tells a story with clients that keep their connections, and with clients
// that open a new one for each request.
func eachConnection(t *testing.T, story func(t *testing.T, keep bool)) {
	t.Parallel()
	for name, keep := range map[string]bool{"keep-alive": true, "new connections": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, keep)
		})
	}
}

// A graceful restart under load: nothing is refused, reset or broken, and all are new.
func TestUsr1UnderLoadFailsNoRequest(t *testing.T) {
	eachConnection(t, func(t *testing.T, keep bool) {
		tr := serve(t, "process", 4, loadKeys)
		l := tr.load(16, keep)
		first := tr.serving(4)
		before := first
		for range 2 {
			l.reaches(t, answers(500))
			tr.signal(syscall.SIGUSR1)
			before = tr.replaced(before)
			tr.says("graceful restart finished")
		}
		l.reaches(t, answers(500))
		l.finish()
		l.clean(t)
		for _, old := range first {
			for _, now := range before {
				if old.pid == now.pid {
					t.Errorf("pid %d is there still", old.pid)
				}
			}
		}
		t.Logf("%d answers, 0 refused, 0 broken, from %d processes", l.answered.Load(), len(l.pids))
	})
}

// The same for threads, whose restart is one of all at once: the listening socket is the
// top's, so connections wait for the next worker.
func TestUsr1UnderLoadFailsNoRequestInThreads(t *testing.T) {
	eachConnection(t, func(t *testing.T, keep bool) {
		tr := serve(t, "thread", 2, loadKeys)
		l := tr.load(8, keep)
		l.reaches(t, answers(500))
		before := tr.serving(2)
		tr.signal(syscall.SIGUSR1)
		tr.replaced(before)
		l.reaches(t, answers(500))
		l.finish()
		l.clean(t)
	})
}

// A stop under load answers every request that a worker has begun with. What the kernel
// has taken and no worker has accepted by then is reset, or refused.
func TestTermUnderLoadAnswersWhatWasAccepted(t *testing.T) {
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			eachConnection(t, func(t *testing.T, keep bool) {
				tr := serve(t, typ, 2, loadKeys)
				l := tr.load(16, keep)
				l.reaches(t, answers(500))
				tr.signal(syscall.SIGTERM)
				tr.exits(0)
				l.finish()
				served := int64(0)
				for _, r := range tr.log.read() {
					if strings.HasPrefix(r.Msg, "served all") {
						var s struct{ Served int64 }
						r.decode(t, &s)
						served += s.Served
					}
				}
				if got := l.answered.Load(); got != served {
					t.Errorf("the workers have served %d requests and the clients got %d answers; broken: %v", served, got, l.broken)
				}
			})
		})
	}
}

// clean wants that no request failed.
func (l *load) clean(t *testing.T) {
	t.Helper()
	if n := l.refused.Load(); n > 0 {
		t.Errorf("%d connections were refused", n)
	}
	if len(l.broken) > 0 {
		t.Errorf("%d of %d requests broke, the first: %v", len(l.broken), l.answered.Load(), fmt.Sprint(l.broken[0]))
	}
}
