package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

func TestCrashIsRepairedAtOnceThenWithBackoff(t *testing.T) {
	w := newWorld(t, testPolicy(1))
	w.step(begin{})
	w.readyAll()
	w.exit(life1(0, 1), killed)
	w.expect("0.2")
	w.exit(life1(0, 2), killed)
	w.expect("")
	w.advance(249 * time.Millisecond)
	w.expect("")
	w.advance(time.Millisecond) // half of 500 ms: the test's jitter is 0.5
	w.expect("0.3")
	w.ready(life1(0, 3))
	w.advance(11 * time.Second)
	w.exit(life1(0, 3), killed)
	w.expect("0.4")
}

func TestRestartLimit(t *testing.T) {
	p := testPolicy(2)
	p.maxRestarts, p.backoff = 2, 0
	for _, onLimit := range []config.OnRestartLimit{config.LimitBackoff, config.LimitStop} {
		p.onLimit = onLimit
		w := newWorld(t, p)
		w.step(begin{})
		for n := 1; n <= 3; n++ {
			w.exit(life1(0, n), killed)
		}
		if onLimit == config.LimitBackoff {
			w.expect("1.1")
			w.advance(30 * time.Second)
			w.expect("1.1 0.4")
			continue
		}
		w.expect("1.1-")
		w.exit(life1(1, 1), code(0))
		if w.end == nil || w.end.exit.Code != 1 {
			t.Fatalf("end: %+v", w.end)
		}
	}
}

// The seed's scenario: codes 5, 4, 4, 3 in that order give 3, and 5 with stop_immediately.
func TestUnrecoverableExitsDecideTheStatus(t *testing.T) {
	p := testPolicy(4)
	p.unrecoverable = []int{3, 4, 5}
	order := []struct{ slot, code int }{{2, 5}, {0, 4}, {3, 4}, {1, 3}}
	w := newWorld(t, p)
	w.step(begin{})
	for _, o := range order {
		w.exit(life1(o.slot, 1), code(o.code))
	}
	if w.end == nil || w.end.exit.Code != 3 {
		t.Fatalf("end: %+v, want 3, the last in time (the highest id had 4)", w.end)
	}
	p.stopAtUnrecoverable = true
	w = newWorld(t, p)
	w.step(begin{})
	for _, o := range order {
		w.exit(life1(o.slot, 1), code(o.code))
	}
	if w.end == nil || w.end.exit.Code != 5 {
		t.Fatalf("end: %+v, want 5, the first", w.end)
	}
}

func TestStopAfterUnrecoverableExitIsOrderly(t *testing.T) {
	p := testPolicy(2)
	p.unrecoverable = []int{3}
	w := newWorld(t, p)
	w.step(begin{})
	w.exit(life1(0, 1), code(3))
	w.step(graceful)
	w.exit(life1(1, 1), code(0))
	if w.end == nil || w.end.exit.Code != 0 {
		t.Fatalf("end: %+v", w.end)
	}
}

func TestRestartRevivesAnEndedSlotAndScaleDoesNot(t *testing.T) {
	p := testPolicy(2)
	p.unrecoverable = []int{3}
	w := newWorld(t, p)
	w.step(begin{})
	w.exit(life1(0, 1), code(3))
	p.workers = 3
	w.step(configure{p})
	w.expect("1.1 2.1")
	w.step(restart{mode: messages.Graceful})
	w.expect("1.1- 2.1- 0.2")
}

// R5 of the pitfalls: a stop during start_worker_delay starts nobody afterwards.
func TestR5StopDuringStartDelayEndsAtOnce(t *testing.T) {
	p := testPolicy(3)
	p.startDelay, p.startDelayRand = 5*time.Second, 0.2
	w := newWorld(t, p)
	w.step(begin{})
	w.expect("0.1")
	w.step(graceful)
	w.exit(life1(0, 1), code(0))
	if w.end == nil {
		t.Fatal("did not end")
	}
	w.advance(time.Hour)
	if len(w.started) != 1 {
		t.Fatalf("started %v", w.started)
	}
}

func TestStartDelayLiesBetweenStarts(t *testing.T) {
	p := testPolicy(3)
	p.startDelay, p.startDelayRand = 10*time.Second, 0.2
	w := newWorld(t, p)
	w.step(begin{})
	w.expect("0.1")
	w.advance(11*time.Second - 1)
	w.expect("0.1")
	w.advance(1)
	w.expect("0.1 1.1")
	w.advance(11 * time.Second)
	w.expect("0.1 1.1 2.1")
}

// R6: a reload with fewer workers stops the highest ids.
func TestR6ReloadToFewerWorkersStopsTheHighest(t *testing.T) {
	w := newWorld(t, testPolicy(4))
	w.step(begin{})
	w.readyAll()
	w.step(configure{testPolicy(2)})
	w.expect("0.1+ 1.1+ 2.1- 3.1-")
	w.exit(life1(3, 1), code(0))
	w.exit(life1(2, 1), code(0))
	w.advance(time.Hour)
	w.expect("0.1+ 1.1+")
	w.step(configure{testPolicy(3)})
	w.expect("0.1+ 1.1+ 2.2")
}

func TestReloadToMoreWorkersStartsOnlyTheNew(t *testing.T) {
	w := newWorld(t, testPolicy(2))
	w.step(begin{})
	w.step(configure{testPolicy(3)})
	w.expect("0.1 1.1 2.1")
}

func TestRestartWithFewerWorkersLeavesFewer(t *testing.T) {
	w := newWorld(t, testPolicy(2))
	w.step(begin{})
	w.step(configure{testPolicy(1)})
	w.step(restart{mode: messages.Graceful})
	for _, inc := range w.list() {
		w.exit(inc, code(0))
	}
	w.expect("0.2")
}

func TestRestartAllReplacesEachAsItFinishes(t *testing.T) {
	w := newWorld(t, testPolicy(3))
	w.step(begin{})
	w.readyAll()
	w.step(restart{mode: messages.Graceful, image: 7})
	w.expect("0.1- 1.1- 2.1-")
	w.exit(life1(1, 1), code(0))
	w.expect("0.1- 2.1- 1.2")
	if w.lives[life1(1, 2)].image != 7 {
		t.Fatal("the new life runs the old image")
	}
	w.exit(life1(0, 1), code(0))
	w.exit(life1(2, 1), code(0))
	w.readyAll()
	if !w.sawRestart("") {
		t.Fatalf("no RestartFinished in %v", w.events)
	}
}

func (w *world) sawRestart(reason string) bool {
	for _, e := range w.events {
		if r, ok := e.(messages.RestartFinished); ok && r.Reason == reason {
			return true
		}
	}
	return false
}

func TestRollingRestartStartsTheReplacementFirst(t *testing.T) {
	p := testPolicy(2)
	p.rolling = true
	w := newWorld(t, p)
	w.step(begin{image: 1})
	w.readyAll()
	w.step(restart{mode: messages.Graceful, image: 2})
	w.expect("0.1+ 1.1+ 0.2")
	w.ready(life1(0, 2))
	w.expect("0.1- 1.1+ 0.2+ 1.2")
	w.ready(life1(1, 2))
	w.expect("0.1- 1.1- 0.2+ 1.2+")
	if !w.sawRestart("") {
		t.Fatal("the roll waits for those that drain")
	}
	if got := w.f.images(); len(got) != 2 {
		t.Fatalf("images in use: %v", got)
	}
	w.exit(life1(0, 1), code(0))
	w.exit(life1(1, 1), code(0))
	if got := w.f.images(); len(got) != 1 || !got[2] {
		t.Fatalf("images in use: %v", got)
	}
	w.expect("0.2+ 1.2+")
}

func TestRollAbortsWhenTheReplacementFails(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"it exits":          func(w *world) { w.exit(life1(0, 2), code(1)) },
		"it is never ready": func(w *world) { w.advance(time.Minute); w.exit(life1(0, 2), code(0)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := testPolicy(2)
			p.rolling = true
			w := newWorld(t, p)
			w.step(begin{image: 1})
			w.readyAll()
			w.step(restart{mode: messages.Graceful, image: 2})
			fail(w)
			w.expect("0.1+ 1.1+")
			if got := w.f.images(); len(got) != 1 || !got[1] {
				t.Fatalf("images in use after the abort: %v", got)
			}
			w.exit(life1(0, 1), killed)
			if w.lives[life1(0, 3)].image != 1 {
				t.Fatal("a crash after an aborted roll was repaired with the new image")
			}
			var reason string
			for _, e := range w.events {
				if r, ok := e.(messages.RestartFinished); ok {
					reason = r.Reason
				}
			}
			if reason == "" {
				t.Fatal("nobody was told that the restart was aborted")
			}
		})
	}
}

func TestCrashDuringRollIsRepairedByTheRightImage(t *testing.T) {
	p := testPolicy(2)
	p.rolling = true
	w := newWorld(t, p)
	w.step(begin{image: 1})
	w.readyAll()
	w.step(restart{mode: messages.Graceful, image: 2})
	w.exit(life1(1, 1), killed) // not rolled yet
	if w.lives[life1(1, 2)].image != 1 {
		t.Fatal("a slot that was not rolled yet got the new image by a crash")
	}
	w.exit(life1(0, 1), killed) // its replacement is starting
	w.expect("0.2 1.2")
	w.ready(life1(0, 2))
	w.exit(life1(0, 2), killed)
	if w.lives[life1(0, 3)].image != 2 {
		t.Fatal("a rolled slot went back to the old image")
	}
}

func TestSecondRestartDuringARollCoalesces(t *testing.T) {
	p := testPolicy(1)
	p.rolling = true
	w := newWorld(t, p)
	w.step(begin{image: 1})
	w.readyAll()
	for image := 2; image <= 4; image++ {
		w.step(restart{mode: messages.Graceful, image: image})
	}
	w.expect("0.1+ 0.2")
	w.ready(life1(0, 2))
	w.expect("0.1- 0.2+ 0.3")
	w.ready(life1(0, 3))
	w.expect("0.1- 0.2- 0.3+")
	if w.lives[life1(0, 3)].image != 4 {
		t.Fatal("the last restart asked for did not decide")
	}
}

func TestImmediateRestartOverridesARoll(t *testing.T) {
	p := testPolicy(2)
	p.rolling = true
	w := newWorld(t, p)
	w.step(begin{})
	w.readyAll()
	w.step(restart{mode: messages.Graceful, image: 1})
	w.step(restart{mode: messages.Immediate, image: 2})
	w.expect("0.1! 1.1! 0.2!")
	for _, inc := range w.list() {
		w.exit(inc, killed)
	}
	w.expect("0.3 1.2")
}

func TestOneForAllWaitsForTheGroup(t *testing.T) {
	for family, want := range map[config.SupervisionStrategy]string{
		config.OneForAll: "0.1- 2.1-", config.RestForOne: "0.1 2.1-",
	} {
		p := testPolicy(3)
		p.family = family
		w := newWorld(t, p)
		w.step(begin{})
		w.exit(life1(1, 1), killed)
		w.expect(want)
		w.exit(life1(2, 1), code(0))
		if family == config.RestForOne {
			w.expect("0.1 1.2 2.2")
			continue
		}
		w.expect("0.1-")
		w.exit(life1(0, 1), code(0))
		w.expect("0.2 1.2 2.2")
	}
}

// The group does not come back before the worker that crashed, which waits for its back-off.
func TestOneForAllWaitsForTheOneThatCrashed(t *testing.T) {
	p := testPolicy(3)
	p.family, p.restartInterval = config.OneForAll, 100*time.Millisecond
	w := newWorld(t, p)
	w.step(begin{})
	w.exit(life1(1, 1), killed)
	w.exit(life1(0, 1), code(0))
	w.exit(life1(2, 1), code(0))
	w.advance(100 * time.Millisecond)
	w.expect("0.2 1.2 2.2")
	w.exit(life1(1, 2), killed)
	w.exit(life1(2, 2), code(0))
	w.exit(life1(0, 2), code(0))
	w.advance(250*time.Millisecond - 1)
	w.expect("")
	w.advance(1) // half of 500 ms: the test's jitter is 0.5
	w.expect("0.3 1.3 2.3")
	w.exit(life1(1, 3), killed)
	w.advance(time.Second) // the back-off is over before the group has ended
	w.exit(life1(0, 3), code(0))
	w.exit(life1(2, 3), code(0))
	w.expect("1.4")
	w.advance(100 * time.Millisecond)
	w.expect("1.4 0.4 2.4")
}

func TestGoroutineWorkersCantBeKilled(t *testing.T) {
	p := testPolicy(1)
	p.killable = false
	w := newWorld(t, p)
	w.step(begin{})
	w.step(restart{mode: messages.Immediate})
	w.expect("0.1-")
	w.advance(601 * time.Second)
	w.expect("0.1-")
	stuck := false
	for _, e := range w.events {
		_, is := e.(messages.WorkerStuck)
		stuck = stuck || is
	}
	if !stuck {
		t.Fatal("a stuck worker was not reported")
	}
	w.step(stopAll{mode: messages.Immediate})
	if w.end == nil || len(w.end.abandoned) != 1 {
		t.Fatalf("end: %+v", w.end)
	}
	p.guest = true
	w = newWorld(t, p)
	w.step(begin{})
	w.step(stopAll{mode: messages.Immediate})
	w.expect("0.1-")
}

func TestMaxAgeReplacesOneAtATime(t *testing.T) {
	p := testPolicy(2)
	p.rolling, p.maxAge = true, time.Hour
	w := newWorld(t, p)
	w.step(begin{})
	w.readyAll()
	w.advance(time.Hour)
	w.expect("0.1+ 1.1+ 0.2")
	w.ready(life1(0, 2))
	w.expect("0.1- 1.1+ 0.2+ 1.2")
}

func TestZeroWorkersIsAServer(t *testing.T) {
	w := newWorld(t, testPolicy(0))
	w.step(begin{})
	w.advance(time.Hour)
	if w.end != nil || len(w.started) != 0 {
		t.Fatal("a server of 0 workers is idle, not ended")
	}
	w.step(graceful)
	if w.end == nil || w.end.exit.Code != 0 {
		t.Fatalf("end: %+v", w.end)
	}
}

// A worker that an operator stops by a signal to its own pid comes back at once, however
// often; one that crashes does not.
func TestSignalToAWorkersOwnPidIsNoCrash(t *testing.T) {
	p := testPolicy(1)
	p.maxRestarts = 2
	w := newWorld(t, p)
	w.step(begin{})
	for n := 1; n < 6; n++ {
		w.ready(life1(0, n))
		w.step(closing{life1(0, n)})
		w.exit(life1(0, n), code(0))
		w.expect(fmt.Sprintf("0.%d", n+1))
	}
	w.step(closing{life1(0, 6)})
	w.exit(life1(0, 6), code(1))
	w.expect("0.7")
	w.step(closing{life1(0, 7)})
	w.exit(life1(0, 7), code(1))
	w.expect("")
}

func TestNewsOfTheDeadChangesNothing(t *testing.T) {
	w := newWorld(t, testPolicy(1))
	w.step(begin{})
	w.exit(life1(0, 1), killed)
	w.step(exited{inc: life1(0, 1), exit: killed})
	w.step(messages.WorkerReady{Incarnation: life1(0, 1)})
	w.step(exited{inc: messages.Incarnation{Generation: 2, Life: 2}, exit: killed})
	w.expect("0.2")
}
