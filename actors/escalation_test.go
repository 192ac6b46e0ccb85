package actors

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

var epoch = time.Unix(1_000_000, 0)

// seedLadder has the seed's default numbers.
func seedLadder() Ladder {
	return Ladder{
		GracefulInterval: 15 * time.Second, GracefulIncrement: 10 * time.Second, GracefulTimeout: 600 * time.Second,
		ImmediateInterval: 10 * time.Second, ImmediateIncrement: 10 * time.Second, ImmediateTimeout: 600 * time.Second,
	}
}

// due is one step of an expected timetable.
type due struct {
	at   time.Duration
	step Step
}

func (d due) String() string { return fmt.Sprintf("%d at %s", d.step, d.at) }

// rung lists the seed's times of one rung that begins at from: at 0, I, 2I+C, 3I+3C …, the
// n-th at n·I + C·n(n-1)/2. It ends at limit, which is not part of it.
func rung(from, interval, increment, limit time.Duration, first, next Step) []due {
	var all []due
	for n := 0; ; n++ {
		t := time.Duration(n)*interval + increment*time.Duration(n*(n-1)/2)
		if n > 0 && t >= limit {
			return all
		}
		step := next
		if n == 0 {
			step = first
		}
		all = append(all, due{from + t, step})
	}
}

// timetable is the whole of an escalation in which nothing else happens, up to horizon.
// upgrade is when it is made immediate; negative = never by somebody.
func timetable(l Ladder, frames bool, upgrade, horizon time.Duration) []due {
	unlimited := func(d time.Duration) time.Duration {
		if d < 0 {
			return horizon + time.Nanosecond
		}
		return d
	}
	first, second := StepStopFrame, StepImmediateFrame
	if !frames {
		first = StepTerm
	}
	if !frames || upgrade < 0 { // its time is up: nobody asks it any more
		second = StepQuit
	}
	end := unlimited(l.GracefulTimeout)
	if upgrade >= 0 {
		end = min(end, upgrade)
	}
	all := rung(0, l.GracefulInterval, l.GracefulIncrement, end, first, StepTerm)
	kill := end + unlimited(l.ImmediateTimeout)
	all = append(all, rung(end, l.ImmediateInterval, l.ImmediateIncrement, unlimited(l.ImmediateTimeout), second, StepQuit)...)
	for t := kill; t <= horizon; t += max(l.ImmediateInterval, time.Second) {
		all = append(all, due{t, StepKill})
	}
	return slices.DeleteFunc(all, func(d due) bool { return d.at > horizon })
}

// run steps an escalation whenever it asks for it, up to horizon.
func run(t *testing.T, e *escalation, mode messages.Mode, upgrade, horizon time.Duration) []due {
	t.Helper()
	var all []due
	add := func(at time.Time, steps []Step) {
		for _, s := range steps {
			all = append(all, due{at.Sub(epoch), s})
		}
	}
	add(epoch, e.start(epoch, mode))
	for now := epoch; ; {
		next := e.next()
		if up := epoch.Add(upgrade); upgrade >= 0 && !up.After(horizonAt(horizon)) && (next.IsZero() || !next.Before(up)) {
			add(up, e.start(up, messages.Immediate))
			upgrade, now = -1, up
			continue
		}
		if next.IsZero() || next.After(horizonAt(horizon)) {
			return all
		}
		if next.Before(now) {
			t.Fatalf("wants to be stepped at %s, before %s", next.Sub(epoch), now.Sub(epoch))
		}
		now = next
		before := len(all)
		add(now, e.step(now))
		if len(all) == before && !e.next().After(now) {
			t.Fatalf("%s: nothing was done and nothing moved on", now.Sub(epoch))
		}
	}
}

func horizonAt(h time.Duration) time.Time { return epoch.Add(h) }

func TestEscalationFollowsTheSeedsNumbers(t *testing.T) {
	e := &escalation{ladder: seedLadder()}
	got := run(t, e, messages.Graceful, -1, 1215*time.Second)
	want := []due{
		{0, StepTerm}, {15 * time.Second, StepTerm}, {40 * time.Second, StepTerm}, {75 * time.Second, StepTerm},
	}
	if !slices.Equal(got[:4], want) {
		t.Errorf("begins with %v, want %v", got[:4], want)
	}
	quits := slices.IndexFunc(got, func(d due) bool { return d.step == StepQuit })
	want = []due{
		{600 * time.Second, StepQuit}, {610 * time.Second, StepQuit}, {630 * time.Second, StepQuit}, {660 * time.Second, StepQuit},
	}
	if !slices.Equal(got[quits:quits+4], want) {
		t.Errorf("goes on with %v, want %v", got[quits:quits+4], want)
	}
	want = []due{{1200 * time.Second, StepKill}, {1210 * time.Second, StepKill}}
	if end := got[len(got)-2:]; !slices.Equal(end, want) {
		t.Errorf("ends with %v, want %v", end, want)
	}
}

func TestEscalationWithFramesBeginsWhatIsAskedForWithOne(t *testing.T) {
	got := run(t, &escalation{ladder: seedLadder(), frames: true}, messages.Graceful, 20*time.Second, 31*time.Second)
	want := []due{
		{0, StepStopFrame}, {15 * time.Second, StepTerm}, {20 * time.Second, StepImmediateFrame}, {30 * time.Second, StepQuit},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func randomLadder(r *rand.Rand) Ladder {
	interval := func() time.Duration { return time.Duration(1+r.IntN(30_000)) * time.Millisecond }
	increment := func() time.Duration {
		return time.Duration(r.IntN(3)) * time.Duration(r.IntN(10_000)) * time.Millisecond
	}
	timeout := func() time.Duration {
		switch r.IntN(4) {
		case 0:
			return -1
		default:
			return time.Duration(1+r.IntN(200_000)) * time.Millisecond
		}
	}
	return Ladder{
		GracefulInterval: interval(), GracefulIncrement: increment(), GracefulTimeout: timeout(),
		ImmediateInterval: interval(), ImmediateIncrement: increment(), ImmediateTimeout: timeout(),
	}
}

// Any ladder, stepped when it wants to be, gives the timetable of the formula.
func TestEscalationIsTheFormula(t *testing.T) {
	const horizon = 10 * time.Minute
	for seed := range 2000 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		l, frames, upgrade := randomLadder(r), r.IntN(2) == 0, time.Duration(-1)
		if r.IntN(2) == 0 {
			// Half a nanosecond off the grid of the ladder, so that nothing is due with it.
			upgrade = time.Duration(r.IntN(300_000))*time.Millisecond + time.Nanosecond
			if l.GracefulTimeout >= 0 && upgrade > l.GracefulTimeout {
				upgrade = -1
			}
		}
		got := run(t, &escalation{ladder: l, frames: frames}, messages.Graceful, upgrade, horizon)
		if want := timetable(l, frames, upgrade, horizon); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %+v, frames %v, upgrade %s:\n got %v\nwant %v", seed, l, frames, upgrade, got, want)
		}
	}
}

// Whatever is asked of an escalation, and however late it is stepped: it never goes back
// to a milder rung, no rung outlives its time-out, and a killed process stays killed.
func TestEscalationUnderRandomOrders(t *testing.T) {
	for seed := range 3000 {
		r := rand.New(rand.NewPCG(uint64(seed), 2))
		e := &escalation{ladder: randomLadder(r), frames: r.IntN(2) == 0}
		w := &escalationWatch{t: t, seed: seed, e: e}
		now := epoch
		for range 60 {
			switch r.IntN(8) {
			case 0:
				w.saw(now, e.start(now, messages.Graceful))
			case 1:
				w.saw(now, e.start(now, messages.Immediate))
			case 2:
				if r.IntN(10) == 0 {
					w.saw(now, e.kill(now))
				}
			case 3:
				e.ladder = randomLadder(r)
			case 4: // too early
				w.saw(now, e.step(now))
			default:
				if next := e.next(); !next.IsZero() {
					now = latest(now, next.Add(time.Duration(r.IntN(3)*r.IntN(5000))*time.Millisecond))
					w.settle(now)
				}
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// escalationWatch holds the invariants of an escalation that is asked for anything.
type escalationWatch struct {
	t    *testing.T
	seed int
	e    *escalation
	rung int // of the last step: 1 graceful, 2 immediate, 3 kill
}

func rungOf(s Step) int {
	switch s {
	case StepStopFrame, StepTerm:
		return 1
	case StepImmediateFrame, StepQuit:
		return 2
	}
	return 3
}

func (w *escalationWatch) saw(now time.Time, steps []Step) {
	w.t.Helper()
	if len(steps) > 1 {
		w.t.Fatalf("seed %d: several steps at once: %v", w.seed, steps)
	}
	for _, s := range steps {
		if rungOf(s) < w.rung {
			w.t.Fatalf("seed %d, %s: step %d after rung %d", w.seed, now.Sub(epoch), s, w.rung)
		}
		if !w.e.frames && (s == StepStopFrame || s == StepImmediateFrame) {
			w.t.Fatalf("seed %d: a frame for a child without frames", w.seed)
		}
		w.rung = rungOf(s)
	}
}

// settle steps until nothing is due at now any more: what is over by then has ended.
func (w *escalationWatch) settle(now time.Time) {
	w.t.Helper()
	for n := 0; ; n++ {
		if n > 100_000 {
			w.t.Fatalf("seed %d: it never settles", w.seed)
		}
		next := w.e.next()
		if next.IsZero() || next.After(now) {
			break
		}
		w.saw(now, w.e.step(now))
	}
	if end := w.e.rungEnd(); w.e.active && !w.e.killed && !end.IsZero() && !end.After(now) {
		w.t.Fatalf("seed %d: a rung that was over at %s goes on at %s", w.seed, end.Sub(epoch), now.Sub(epoch))
	}
}

// A ladder that never goes on stays on its rung for good and says so again and again.
func TestEscalationWithoutTimeoutStaysOnItsRung(t *testing.T) {
	l := seedLadder()
	l.GracefulTimeout = -1
	got := run(t, &escalation{ladder: l}, messages.Graceful, -1, 24*time.Hour)
	if len(got) < 100 || slices.ContainsFunc(got, func(d due) bool { return d.step != StepTerm }) {
		t.Errorf("%d steps, want only TERM for a day", len(got))
	}
}
