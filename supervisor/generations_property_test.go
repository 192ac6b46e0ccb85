package supervisor

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// Random orders of everything that can happen, with late timers and late answers, keep the
// invariants (genWorld.check), and a stop always reaches the end.
func TestGenerationsUnderRandomOrders(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	for seed := range rounds {
		randomStory(t, seed)
	}
}

func randomStory(t *testing.T, seed int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}()
	r := rand.New(rand.NewPCG(uint64(seed), 3))
	w := newGenWorld(t, randomGenPolicy(r))
	w.g.rnd = r.Float64
	w.step(begin{})
	for n := range 80 {
		w.randomStep(r, n)
		if w.end != nil {
			break
		}
	}
	w.endAll(r)
}

// Left alone, a supervisor comes back to one ready server and nothing beside it, whatever
// happened before.
func TestGenerationsComeBack(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 4))
		p := randomGenPolicy(r)
		p.restart.unrecoverable, p.exitOnDetach = nil, false
		w := newGenWorld(t, p)
		w.g.rnd = r.Float64
		w.step(begin{})
		for n := range 40 {
			if w.g.stop == nil {
				w.randomStep(r, n)
			}
		}
		if w.g.stop != nil || w.left {
			continue
		}
		w.pathErr = nil
		w.settle()
		all := w.list()
		if len(all) != 1 || !w.living[all[0]].ready || w.living[all[0]].told != nil {
			t.Fatalf("seed %d: %v came back, %+v", seed, all, p)
		}
		if next := w.g.wakeup(); !next.IsZero() {
			t.Fatalf("seed %d: it is at rest and wants to be woken", seed)
		}
		if used := w.g.images(); len(used) > 2 {
			t.Fatalf("seed %d: images %v are kept for one server", seed, used)
		}
	}
}

// settle lets everybody obey and become ready, and time pass.
func (w *genWorld) settle() {
	w.t.Helper()
	for range 60 {
		for _, n := range w.list() {
			if s := w.living[n]; s.told != nil {
				w.exit(n, code(0))
			} else if !s.ready {
				w.ready(n)
			}
		}
		w.advance(30 * time.Second)
	}
}

func randomGenPolicy(r *rand.Rand) genPolicy {
	p := testGenPolicy()
	p.newFirst = r.IntN(2) == 0
	p.exitOnDetach = r.IntN(10) == 0
	p.max = 2 + r.IntN(3)
	p.restartWait = time.Duration(r.IntN(3)) * time.Second
	p.detachWait = time.Duration(r.IntN(3)) * 5 * time.Second
	if r.IntN(3) == 0 {
		p.drainTimeout = 5 * time.Second
	}
	if r.IntN(3) == 0 {
		p.readyTimeout = config.Never
	}
	if r.IntN(3) == 0 {
		p.stopTimeout = 10 * time.Second
	}
	if r.IntN(3) == 0 {
		p.restart.unrecoverable = []int{3}
	}
	return p
}

func (w *genWorld) randomStep(r *rand.Rand, n int) {
	w.t.Helper()
	pick := func() (int, bool) {
		all := w.list()
		if len(all) == 0 {
			return 0, false
		}
		return all[r.IntN(len(all))], true
	}
	switch r.IntN(14) {
	case 0, 1, 2:
		if number, ok := pick(); ok && !w.living[number].ready {
			w.ready(number)
		}
	case 3, 4:
		if number, ok := pick(); ok {
			w.exit(number, []messages.Exit{killed, code(0), code(1), code(3)}[r.IntN(4)])
		}
	case 5, 6:
		for _, number := range w.list() {
			if w.living[number].told != nil && r.IntN(2) == 0 {
				w.exit(number, code(0))
			}
		}
	case 7:
		w.advance(time.Duration(r.IntN(int(20 * time.Second))))
	case 8: // a timer that comes late, or not at all
		w.now = w.now.Add(time.Duration(r.IntN(int(40 * time.Second))))
		if r.IntN(2) == 0 {
			w.step(tick{})
		}
	case 9:
		w.live(n + 1)
	case 10:
		w.step(restartServer{mode: messages.Mode(r.IntN(2)), image: n + 1})
		if w.g.current == nil && w.g.next == nil {
			w.step(restartStart{mode: messages.Mode(r.IntN(2)), image: n + 1})
		}
	case 11:
		w.pathErr = nil
		if r.IntN(2) == 0 {
			w.pathErr = errors.New("not there")
		}
		if r.IntN(2) == 0 {
			w.step(nextOpened{image: n + 1, err: w.pathErr}) // nobody has asked, or the answer is late
			w.asked = max(0, w.asked-1)
		}
	case 12:
		w.step(genImage{number: r.IntN(len(w.started) + 2), image: n + 1})
		w.step(genExited{number: len(w.started) + 1 + r.IntN(3), exit: killed})
		if len(w.started) > 0 {
			if gone := w.started[r.IntN(len(w.started))]; w.living[gone] == nil {
				w.step(genReady{number: gone})
				w.step(genExited{number: gone, exit: killed})
			}
		}
	case 13:
		w.step(genConfigure{randomGenPolicy(r)})
		if r.IntN(12) == 0 {
			w.step(stopAll{mode: messages.Mode(r.IntN(2)), reason: "test"})
		}
	}
}

// endAll stops everything and lets what lives obey.
func (w *genWorld) endAll(r *rand.Rand) {
	w.t.Helper()
	if w.end == nil {
		w.step(graceful)
	}
	started := len(w.started)
	for w.end == nil {
		all := w.list()
		if len(all) == 0 {
			w.t.Fatal("nothing lives and there is no end")
		}
		if r.IntN(3) == 0 {
			w.advance(7 * time.Second)
		}
		w.exit(all[r.IntN(len(all))], code(0))
	}
	w.step(nextOpened{image: 1})
	w.advance(time.Hour)
	if len(w.started) != started {
		w.t.Fatal("something was started after the stop")
	}
}
