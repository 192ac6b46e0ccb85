package supervisor

import (
	"fmt"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// genWorld plays the hands of generations: it obeys effects and keeps what an observer
// sees.
type genWorld struct {
	t       *testing.T
	g       *generations
	now     time.Time
	living  map[int]*fakeServer
	started []int
	starts  []time.Time
	events  []messages.Event
	remarks []remark
	killed  []int
	path    int   // image at the program's path
	pathErr error // it can't be opened
	asked   int   // openNext without an answer
	left    bool
	end     *finish
	stopped bool
}

type fakeServer struct {
	image int
	ready bool
	told  *messages.Stop
}

// testGenPolicy has the defaults' numbers, and half of the back-off as jitter.
func testGenPolicy() genPolicy { return newGenPolicy(config.Default()) }

func newGenWorld(t *testing.T, p genPolicy) *genWorld {
	w := &genWorld{t: t, now: time.Unix(1000, 0), living: map[int]*fakeServer{}}
	w.g = newGenerations(p, func() float64 { return 0.5 })
	return w
}

// serving is a world with a server that has been ready for a minute.
func serving(t *testing.T, change func(*genPolicy)) *genWorld {
	t.Helper()
	p := testGenPolicy()
	if change != nil {
		change(&p)
	}
	w := newGenWorld(t, p)
	w.step(begin{})
	w.ready(1)
	w.advance(time.Minute)
	return w
}

func (w *genWorld) step(in any) {
	w.t.Helper()
	if _, ok := in.(stopAll); ok {
		w.stopped = true
	}
	for _, e := range w.g.step(w.now, in) {
		w.obey(e)
	}
	w.check()
}

func (w *genWorld) obey(e effect) {
	w.t.Helper()
	switch e := e.(type) {
	case startServer:
		if e.number != len(w.started)+1 {
			w.t.Fatalf("server %d starts after %d others", e.number, len(w.started))
		}
		if w.stopped || w.left || w.end != nil {
			w.t.Fatalf("server %d starts after the stop", e.number)
		}
		w.living[e.number] = &fakeServer{image: e.image}
		w.started, w.starts = append(w.started, e.number), append(w.starts, w.now)
	case tellServer:
		s, stop := w.living[e.number], e.stop
		if s == nil {
			w.t.Fatalf("server %d is told to stop and does not live", e.number)
		}
		if s.told != nil && s.told.Mode >= stop.Mode {
			w.t.Fatalf("server %d is told twice: %s", e.number, stop)
		}
		s.told = &stop
	case killServer:
		w.killed = append(w.killed, e.number)
	case openNext:
		w.asked++
	case report:
		w.events = append(w.events, e.event)
	case remark:
		w.remarks = append(w.remarks, e)
	case leave:
		w.left = true
	case finish:
		if w.end != nil {
			w.t.Fatal("finished twice")
		}
		w.end = &e
	default:
		w.t.Fatalf("unknown effect %T", e)
	}
}

// check holds the invariants that an observer can see.
func (w *genWorld) check() {
	w.t.Helper()
	wanted, notEnded := 0, 0
	for number, s := range w.living {
		if s.told == nil {
			wanted++
			if w.stopped || w.left {
				w.t.Fatalf("server %d lives on after the stop and was not told", number)
			}
		}
		if s.told == nil || s.told.Mode != messages.Immediate {
			notEnded++
		}
	}
	limit := 1
	if w.g.next != nil {
		limit = 2
	}
	if wanted > limit {
		w.t.Fatalf("%d servers are wanted, %d may be", wanted, limit)
	}
	if notEnded > w.g.policy.max {
		w.t.Fatalf("%d servers that were not ended, max_generations is %d", notEnded, w.g.policy.max)
	}
	if n := len(w.g.all()); n != len(w.living) {
		w.t.Fatalf("the mind counts %d servers, there are %d", n, len(w.living))
	}
	if (w.end != nil) != ((w.stopped || w.left || w.g.stop != nil) && len(w.living) == 0) {
		w.t.Fatalf("ended: %v, with %d servers", w.end != nil, len(w.living))
	}
}

// advance lets time pass, with a tick whenever the mind wants one.
func (w *genWorld) advance(d time.Duration) {
	w.t.Helper()
	until := w.now.Add(d)
	for n := 0; ; n++ {
		w.answer()
		next := w.g.wakeup()
		if next.IsZero() || next.After(until) {
			break
		}
		if n > 10000 {
			w.t.Fatal("wakeup does not advance")
		}
		w.now = later(w.now, next)
		w.step(tick{})
	}
	w.now = until
}

// answer opens what the mind has asked for.
func (w *genWorld) answer() {
	w.t.Helper()
	for ; w.asked > 0; w.asked-- {
		w.step(nextOpened{image: w.path, err: w.pathErr})
	}
}

func (w *genWorld) ready(number int) {
	w.t.Helper()
	w.living[number].ready = true
	w.step(genReady{number: number})
}

func (w *genWorld) exit(number int, e messages.Exit) {
	w.t.Helper()
	if w.living[number] == nil {
		w.t.Fatalf("server %d does not live", number)
	}
	delete(w.living, number)
	w.step(genExited{number: number, exit: e})
}

// live asks for a live restart with a new image at the program's path.
func (w *genWorld) live(image int) {
	w.t.Helper()
	w.path = image
	w.step(liveRestart{image: image})
}

// list is the living servers in the order of their start.
func (w *genWorld) list() []int {
	var all []int
	for _, n := range w.started {
		if w.living[n] != nil {
			all = append(all, n)
		}
	}
	return all
}

// expect compares the living servers, as number/image and a mark: + ready, - told to
// finish, ! told to end at once.
func (w *genWorld) expect(want string) {
	w.t.Helper()
	var got string
	for _, n := range w.list() {
		s := w.living[n]
		mark := ""
		switch {
		case s.told != nil && s.told.Mode == messages.Immediate:
			mark = "!"
		case s.told != nil:
			mark = "-"
		case s.ready:
			mark = "+"
		}
		got += fmt.Sprintf(" %d/%d%s", n, s.image, mark)
	}
	if got != "" {
		got = got[1:]
	}
	if got != want {
		w.t.Fatalf("living: %s\n  want: %s", got, want)
	}
}

// finishes lists the restarts that were reported to have ended.
func (w *genWorld) finishes() []messages.RestartFinished {
	var all []messages.RestartFinished
	for _, e := range w.events {
		if e, ok := e.(messages.RestartFinished); ok {
			all = append(all, e)
		}
	}
	return all
}

// said counts the remarks of a level.
func (w *genWorld) said(level string) (n int) {
	for _, r := range w.remarks {
		if r.level == level {
			n++
		}
	}
	return n
}
