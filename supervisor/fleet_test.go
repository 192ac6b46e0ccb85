package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// world plays the hands of a fleet: it obeys effects and keeps what an observer sees.
type world struct {
	t       *testing.T
	f       *fleet
	now     time.Time
	lives   map[messages.Incarnation]*fakeLife
	started []messages.Incarnation
	events  []messages.Event
	remarks []remark
	end     *finish
}

type fakeLife struct {
	image int
	ready bool
	told  *messages.Stop
}

func testPolicy(workers int) policy {
	return policy{
		workers: workers, backoff: 500 * time.Millisecond, backoffMax: 30 * time.Second, stableAfter: 10 * time.Second,
		maxRestarts: 10, window: time.Minute, onLimit: config.LimitBackoff, surge: 1, readyTimeout: time.Minute,
		family: config.OneForOne, drainTimeout: -1, stopTimeout: -1, stuckAfter: 600 * time.Second, killable: true,
	}
}

func newWorld(t *testing.T, p policy) *world {
	w := &world{t: t, now: time.Unix(1000, 0), lives: map[messages.Incarnation]*fakeLife{}}
	w.f = newFleet(1, p, func() float64 { return 0.5 })
	return w
}

func (w *world) step(in any) {
	w.t.Helper()
	for _, e := range w.f.step(w.now, in) {
		w.obey(e)
	}
	w.check()
}

func (w *world) obey(e effect) {
	w.t.Helper()
	switch e := e.(type) {
	case startLife:
		if w.lives[e.inc] != nil {
			w.t.Fatalf("%s started twice", e.inc)
		}
		w.lives[e.inc] = &fakeLife{image: e.image}
		w.started = append(w.started, e.inc)
	case tellLife:
		l := w.lives[e.inc]
		if l == nil {
			w.t.Fatalf("%s is told to stop and does not live", e.inc)
		}
		stop := e.stop
		l.told = &stop
	case report:
		w.events = append(w.events, e.event)
	case remark:
		w.remarks = append(w.remarks, e)
	case finish:
		if w.end != nil {
			w.t.Fatal("finished twice")
		}
		w.end = &e
	case killLife:
	default:
		w.t.Fatalf("unknown effect %T", e)
	}
}

// check holds the invariants that an observer can see.
func (w *world) check() {
	w.t.Helper()
	wanted := map[int]int{}
	for inc, l := range w.lives {
		if l.told == nil {
			wanted[inc.Slot]++
			if w.f.stop != nil {
				w.t.Fatalf("%s lives on after stop and was not told", inc)
			}
		}
	}
	for slot, n := range wanted {
		limit := 1
		if w.f.slots[slot].next != nil {
			limit = 2
		}
		if n > limit {
			w.t.Fatalf("slot %d has %d wanted incarnations", slot, n)
		}
	}
	if w.f.alive != len(w.lives) {
		w.t.Fatalf("the fleet counts %d lives, there are %d", w.f.alive, len(w.lives))
	}
	if w.end != nil && len(w.end.abandoned) == 0 && len(w.lives) > 0 {
		w.t.Fatalf("finished with %d lives", len(w.lives))
	}
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for n := 0; ; n++ {
		next := w.f.next()
		if next.IsZero() || next.After(until) {
			break
		}
		if n > 100000 {
			w.t.Fatal("next does not advance")
		}
		w.now = later(w.now, next)
		w.step(tick{})
	}
	w.now = until
}

func (w *world) exit(inc messages.Incarnation, e messages.Exit) {
	w.t.Helper()
	if w.lives[inc] == nil {
		w.t.Fatalf("%s does not live", inc)
	}
	delete(w.lives, inc)
	w.step(exited{inc: inc, exit: e})
}

func (w *world) ready(inc messages.Incarnation) {
	w.t.Helper()
	w.lives[inc].ready = true
	w.step(messages.WorkerReady{Incarnation: inc})
}

func (w *world) readyAll() {
	w.t.Helper()
	for _, inc := range w.list() {
		if l := w.lives[inc]; l != nil && !l.ready && l.told == nil {
			w.ready(inc)
		}
	}
}

// list is the living incarnations in the order of their start.
func (w *world) list() []messages.Incarnation {
	var all []messages.Incarnation
	for _, inc := range w.started {
		if w.lives[inc] != nil {
			all = append(all, inc)
		}
	}
	return all
}

func (w *world) expect(want string) {
	w.t.Helper()
	var got string
	for _, inc := range w.list() {
		l := w.lives[inc]
		mark := ""
		switch {
		case l.told != nil && l.told.Mode == messages.Immediate:
			mark = "!"
		case l.told != nil:
			mark = "-"
		case l.ready:
			mark = "+"
		}
		got += fmt.Sprintf(" %d.%d%s", inc.Slot, inc.Life, mark)
	}
	if got != "" {
		got = got[1:]
	}
	if got != want {
		w.t.Fatalf("living: %s\n  want: %s", got, want)
	}
}

func life1(slot, n int) messages.Incarnation {
	return messages.Incarnation{Generation: 1, Slot: slot, Life: n}
}

func code(n int) messages.Exit { return messages.Exit{Cause: messages.ExitReturned, Code: n} }

var (
	graceful = stopAll{mode: messages.Graceful, reason: "TERM"}
	killed   = messages.Exit{Cause: messages.ExitSignal, Code: 137, Signal: "KILL"}
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
