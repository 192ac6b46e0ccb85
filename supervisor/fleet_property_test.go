package supervisor

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// Random interleavings of everything that can happen keep the invariants (world.check),
// and after a stop the fleet reaches the end with nothing running.
func TestFleetUnderRandomOrders(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		w := newWorld(t, randomPolicy(r))
		w.f.rnd = r.Float64
		w.step(begin{image: 1})
		for n := range 60 {
			w.randomStep(r, n)
			if w.end != nil {
				break
			}
		}
		w.endAll(r)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomPolicy(r *rand.Rand) policy {
	p := testPolicy(r.IntN(5))
	p.rolling = r.IntN(2) == 0
	p.killable = r.IntN(4) > 0
	p.guest = r.IntN(4) == 0
	p.surge = 1 + r.IntN(2)
	p.startDelay = time.Duration(r.IntN(3)) * 300 * time.Millisecond
	p.startDelayRand = r.Float64()
	p.restartInterval = time.Duration(r.IntN(2)) * time.Second
	p.maxRestarts = r.IntN(6)
	if r.IntN(6) == 0 {
		p.onLimit = config.LimitStop
	}
	if r.IntN(3) == 0 {
		p.unrecoverable, p.stopAtUnrecoverable = []int{3}, r.IntN(2) == 0
	}
	if !p.rolling {
		p.family = []config.SupervisionStrategy{config.OneForOne, config.OneForAll, config.RestForOne}[r.IntN(3)]
	}
	if r.IntN(3) == 0 {
		p.maxAge, p.jitter = 20*time.Second, 0.5
	}
	if r.IntN(3) == 0 {
		p.drainTimeout = 5 * time.Second
	}
	return p
}

func (w *world) randomStep(r *rand.Rand, n int) {
	pick := func() (messages.Incarnation, bool) {
		all := w.list()
		if len(all) == 0 {
			return messages.Incarnation{}, false
		}
		return all[r.IntN(len(all))], true
	}
	switch r.IntN(12) {
	case 0, 1, 2:
		if inc, ok := pick(); ok && w.lives[inc].told == nil && !w.lives[inc].ready {
			w.ready(inc)
		}
	case 3, 4:
		if inc, ok := pick(); ok {
			w.exit(inc, []messages.Exit{killed, code(0), code(1), code(3)}[r.IntN(4)])
		}
	case 5, 6:
		for _, inc := range w.list() {
			if w.lives[inc].told != nil && r.IntN(2) == 0 {
				w.exit(inc, code(0))
			}
		}
	case 7:
		w.advance(time.Duration(r.IntN(int(20 * time.Second))))
	case 8:
		w.step(restart{mode: messages.Mode(r.IntN(2)), image: n + 2})
	case 9:
		p := w.f.policy
		p.workers = r.IntN(6)
		w.step(configure{p})
	case 10:
		if inc, ok := pick(); ok {
			w.step(recycle{inc: inc, why: "test"})
		}
		w.step(exited{inc: messages.Incarnation{Generation: 1, Slot: r.IntN(6), Life: 1000}, exit: killed})
	case 11:
		w.step(tick{})
		if r.IntN(8) == 0 {
			w.step(stopAll{mode: messages.Mode(r.IntN(2)), reason: "test"})
		}
	}
}

// endAll stops the fleet and lets everything that lives obey.
func (w *world) endAll(r *rand.Rand) {
	w.t.Helper()
	w.step(graceful)
	started := len(w.started)
	for w.end == nil {
		all := w.list()
		if len(all) == 0 {
			w.t.Fatal("nothing lives and the fleet has not ended")
		}
		if r.IntN(3) == 0 {
			w.advance(7 * time.Second)
		}
		w.exit(all[r.IntN(len(all))], code(0))
	}
	w.advance(time.Hour)
	if len(w.started) != started {
		w.t.Fatal("something was started after the stop")
	}
}

// Left alone, a fleet comes back to as many ready workers as are wanted, whatever
// happened before.
func TestFleetComesBack(t *testing.T) {
	for seed := range 500 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		p := randomPolicy(r)
		p.onLimit, p.unrecoverable, p.maxAge = config.LimitBackoff, nil, 0
		w := newWorld(t, p)
		w.f.rnd = r.Float64
		w.step(begin{image: 1})
		for n := range 40 {
			if w.end == nil {
				w.randomStep(r, n)
			}
		}
		if w.f.stop != nil {
			continue
		}
		for range 40 {
			for _, inc := range w.list() {
				if l := w.lives[inc]; l == nil {
					continue
				} else if l.told != nil {
					w.exit(inc, code(0))
				} else if !l.ready {
					w.ready(inc)
				}
			}
			w.advance(10 * time.Second)
		}
		if got := len(w.list()); got != w.f.policy.workers {
			t.Fatalf("seed %d: %d workers of %d came back; %+v", seed, got, w.f.policy.workers, p)
		}
		if w.f.roll != nil {
			t.Fatalf("seed %d: a roll never ended", seed)
		}
	}
}
