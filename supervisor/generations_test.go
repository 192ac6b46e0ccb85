package supervisor

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
)

func oldFirst(p *genPolicy) { p.newFirst = false }

func TestNewFirstLetsTheOldServeUntilTheNewIsReady(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.expect("1/0+ 2/7")
	w.advance(50 * time.Second)
	w.expect("1/0+ 2/7")
	w.ready(2)
	w.expect("1/0- 2/7+")
	if f := w.finishes(); len(f) != 1 || f[0].Reason != "" {
		t.Fatalf("reported: %v", f)
	}
	w.advance(24 * time.Hour) // no limit on the drain by default
	w.expect("1/0- 2/7+")
	w.exit(1, code(0))
	w.advance(time.Hour)
	w.expect("2/7+")
}

// R1 and R2, as the mind sees them: an old server that ends early is no accident, and one
// that takes long is not waited for any longer than server_detach_wait.
func TestR1R2OldFirst(t *testing.T) {
	for _, c := range []struct {
		name       string
		endsAfter  time.Duration
		startAfter time.Duration
	}{
		{"the old one ends at once", 0, 0},
		{"the old one ends within server_detach_wait", 4 * time.Second, 4 * time.Second},
		{"the old one drains for long", time.Hour, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serving(t, oldFirst)
			asked := w.now
			w.live(7)
			w.expect("1/0-")
			w.advance(min(c.endsAfter, 15*time.Second))
			if c.endsAfter < 15*time.Second {
				w.exit(1, code(0))
			}
			w.advance(0)
			if got := w.starts[1].Sub(asked); got != c.startAfter {
				t.Fatalf("the new server starts after %s, want %s", got, c.startAfter)
			}
			w.ready(2)
			if f := w.finishes(); len(f) != 1 || f[0].Reason != "" {
				t.Fatalf("reported: %v", f)
			}
			if c.endsAfter > 15*time.Second {
				w.expect("1/0- 2/7+")
				w.exit(1, code(0))
			}
			w.advance(time.Hour)
			w.expect("2/7+")
		})
	}
}

func TestLiveRestartsCoalesce(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.live(8)
	w.live(9)
	w.expect("1/0+ 2/7")
	w.ready(2)
	w.advance(time.Second)
	w.expect("1/0- 2/7+ 3/9")
	w.ready(3)
	w.advance(time.Minute)
	w.expect("1/0- 2/7- 3/9+")
}

func TestLiveRestartsCoalesceOldFirst(t *testing.T) {
	w := serving(t, oldFirst)
	w.live(7)
	w.live(8)
	w.expect("1/0-")
	w.exit(1, code(0))
	w.advance(0)
	w.expect("2/8")
}

func TestLiveRestartBeforeTheFirstServerIsReady(t *testing.T) {
	w := newGenWorld(t, testGenPolicy())
	w.step(begin{})
	w.live(7)
	w.advance(time.Second)
	w.expect("1/0 2/7")
	w.ready(2)
	w.expect("1/0- 2/7+")
}

// server_restart_wait is counted from the last start, whatever it was for.
func TestServerRestartWaitIsCountedFromTheLastStart(t *testing.T) {
	p := testGenPolicy()
	p.restartWait = 5 * time.Second
	w := newGenWorld(t, p)
	w.step(begin{})
	w.ready(1)
	w.advance(2 * time.Second)
	w.exit(1, killed)
	w.advance(2999 * time.Millisecond)
	w.expect("")
	w.advance(time.Millisecond)
	w.expect("2/0")
	w.ready(2)
	w.advance(20 * time.Second)
	w.exit(2, killed)
	w.advance(0)
	w.expect("3/0")
	w.ready(3)
	w.live(7)
	w.advance(4999 * time.Millisecond)
	w.expect("3/0+")
	w.advance(time.Millisecond)
	w.expect("3/0+ 4/7")
}

func TestServerThatCrashesInARowIsTriedWithBackoff(t *testing.T) {
	w := newGenWorld(t, testGenPolicy())
	w.step(begin{})
	// Half of 0.5, 1, 2 … 30 s, and never less than server_restart_wait.
	for n, want := range []time.Duration{1000, 1000, 1000, 1000, 2000, 4000, 8000, 15000, 15000, 15000} {
		w.exit(n+1, killed)
		w.advance(want*time.Millisecond - 1)
		w.expect("")
		w.advance(1)
		if len(w.list()) != 1 {
			t.Fatalf("after crash %d nothing was started within %s", n+1, want*time.Millisecond)
		}
	}
	w.ready(11)
	w.advance(11 * time.Second) // long enough to forget
	w.exit(11, killed)
	w.advance(0)
	w.expect("12/0")
}

func TestCrashOfTheOldServerWithItsReplacementOnTheWay(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.exit(1, killed)
	w.advance(time.Minute) // one start is enough, and it has no deadline any more
	w.expect("2/7")
	w.ready(2)
	if f := w.finishes(); len(f) != 1 || f[0].Reason != "" {
		t.Fatalf("reported: %v", f)
	}
	w.advance(time.Minute)
	w.exit(2, killed)
	w.advance(0)
	w.expect("3/7") // what was ready last repairs a crash
}

func TestLiveRestartAskedForDuringOneWhoseOldServerCrashed(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.live(8)
	w.exit(1, killed)
	w.ready(2)
	w.advance(time.Second)
	w.expect("2/7+ 3/8")
}

func TestCrashOfBothServersOfALiveRestart(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.exit(1, killed)
	w.exit(2, killed)
	w.path = 8
	w.advance(time.Second)
	w.expect("3/0") // what has been ready before serves first
	w.ready(3)
	w.advance(time.Second)
	w.expect("3/0+ 4/8")
}

func TestLiveRestartThatIsDueOutlivesACrash(t *testing.T) {
	p := testGenPolicy()
	p.restartWait = 5 * time.Second
	w := newGenWorld(t, p)
	w.step(begin{})
	w.ready(1)
	w.live(7)
	w.exit(1, killed)
	w.advance(5 * time.Second)
	w.expect("2/0")
	w.ready(2)
	w.advance(5 * time.Second)
	w.expect("2/0+ 3/7")
}

func TestReplacementThatDiesIsShownAndTriedAgain(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.exit(2, code(1))
	w.expect("1/0+")
	if f := w.finishes(); len(f) != 1 || !strings.Contains(f[0].Reason, "exit 1") || w.said("error") != 1 {
		t.Fatalf("shown: %v, %v", f, w.remarks)
	}
	w.path = 8 // repaired meanwhile
	w.advance(time.Second)
	w.expect("1/0+ 3/8")
	w.exit(3, code(3)) // unrecoverable or not: the old one serves
	w.pathErr = errors.New("no such file")
	w.advance(30 * time.Second)
	w.expect("1/0+")
	if w.said("error") < 3 {
		t.Fatalf("a program that can't be opened is not shown: %v", w.remarks)
	}
	w.pathErr = nil
	w.advance(30 * time.Second)
	w.expect("1/0+ 4/8")
	w.ready(4)
	w.expect("1/0- 4/8+")
}

func TestReplacementThatIsNotReadyInTime(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.advance(59 * time.Second)
	w.expect("1/0+ 2/7")
	w.advance(time.Second)
	w.expect("1/0+ 2/7! 3/7")
	if f := w.finishes(); len(f) != 1 || !strings.Contains(f[0].Reason, "not ready in time") {
		t.Fatalf("shown: %v", f)
	}
	w.step(genReady{number: 2}) // too late
	w.expect("1/0+ 2/7! 3/7")
	w.exit(2, killed)
	w.ready(3)
	w.expect("1/0- 3/7+")
}

func TestReadyTimeoutGivesEveryWorkerItsTurn(t *testing.T) {
	c := config.Default()
	c.Workers, c.StartWorkerDelay, c.StartWorkerDelayRand = 10, 3*time.Second, 0.5
	if p := newGenPolicy(c); p.readyTimeout != 105*time.Second {
		t.Fatalf("%s", p.readyTimeout)
	}
	c.WorkerReadyTimeout = config.Never
	w := serving(t, func(p *genPolicy) { *p = newGenPolicy(c) })
	w.live(7)
	w.advance(1000 * time.Hour)
	w.expect("1/0+ 2/7")
}

// A person who has repaired the program and asks again is not made to wait for what failed.
func TestNewerLiveRestartSupersedesOneThatFails(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	for range 8 { // the back-off has grown
		w.exit(len(w.started), code(1))
		w.advance(30 * time.Second)
	}
	w.expect("1/0+ 10/7")
	w.live(8)
	w.exit(10, code(1))
	w.live(8)
	w.advance(time.Second)
	w.expect("1/0+ 11/8")
}

func TestMaxGenerationsEndsTheOldestFirst(t *testing.T) {
	w := serving(t, nil)
	for n := 2; n <= 3; n++ {
		w.live(n)
		w.advance(time.Second)
		w.ready(n)
	}
	w.expect("1/0- 2/2- 3/3+")
	w.live(4)
	w.advance(time.Second)
	w.expect("1/0! 2/2- 3/3+ 4/4")
	w.ready(4)
	w.exit(2, code(0)) // one that is being ended takes no place
	w.live(5)
	w.advance(time.Second)
	w.expect("1/0! 3/3- 4/4+ 5/5")
	w.ready(5)
	p := w.g.policy
	p.max = 2
	w.step(genConfigure{p})
	w.expect("1/0! 3/3! 4/4- 5/5+")
}

func TestMaxGenerationsOldFirst(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.newFirst, p.max = false, 2 })
	for n := 2; n <= 4; n++ {
		w.live(n)
		w.advance(10 * time.Second)
		w.ready(n)
	}
	w.expect("1/0! 2/2! 3/3- 4/4+")
}

func TestServerDrainTimeout(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.drainTimeout = 20 * time.Second })
	w.live(7)
	w.advance(30 * time.Second) // of the new one's start-up
	w.expect("1/0+ 2/7")
	w.ready(2)
	w.advance(19 * time.Second)
	w.expect("1/0- 2/7+")
	w.advance(time.Second)
	w.expect("1/0! 2/7+")
}

func TestExitOnDetach(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*genWorld)
		want   string
	}{
		{"one server", func(*genWorld) {}, "1/0-"},
		{"during a live restart", func(w *genWorld) { w.live(7) }, "1/0- 2/7-"},
		{"in a back-off", func(w *genWorld) { w.exit(1, killed); w.advance(0); w.exit(2, killed) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serving(t, func(p *genPolicy) { p.restartWait = 5 * time.Minute })
			w.advance(5 * time.Minute)
			c.before(w)
			p := w.g.policy
			p.exitOnDetach = true
			w.step(genConfigure{p})
			w.live(8)
			w.expect(c.want)
			if !w.left {
				t.Fatal("the listeners are kept")
			}
			w.advance(time.Hour)
			for _, n := range w.list() {
				w.exit(n, code(0))
			}
			w.advance(time.Hour)
			if w.end == nil || !w.end.exit.Ok() {
				t.Fatalf("end: %v", w.end)
			}
		})
	}
}
