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
