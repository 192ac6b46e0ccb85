package supervisor

import (
	"cmp"
	"slices"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// fleet is the mind of the server actor: it owns what every slot is meant to be and makes
// the only start calls. It has no clock, no I/O and no actor in it: step takes the time
// and what has happened and returns what is to be done; next says when it wants to be
// stepped again.
//
//	slot:        waiting ──due──▶ starting ──ready──▶ ready ──told──▶ stopping ──exit──▶ waiting
//	               ▲                  └──────exit──────┴──exit──────────┐
//	               └──────────────── history.decide ◀───────────────────┘
//	replacement: starting ──ready──▶ becomes the slot's own, the old one is told to stop
//
// Invariants: a slot has one wanted incarnation, and beside it at most its named
// replacement and old ones that drain; an event about an incarnation that is not here
// changes nothing; after stop nothing is started.
type fleet struct {
	generation int
	policy     policy
	rnd        func() float64 // uniform in [0, 1)

	slots     []*slot // by id; unwanted ones stay, so that lives are numbered on
	agenda    agenda
	alive     int // incarnations that have not exited
	readyFrom int // all wanted slots below have been ready once
	image     int // what slots without a history of their own start
	lastStart time.Time
	gap       time.Duration // to the next start, sampled after each one
	roll      *roll
	pending   *restart       // a restart asked for during a roll
	recycles  []recycle      // soft replacements that wait for the token
	renewing  map[*slot]bool // slots that a restart of all, or a soft replacement, still waits for
	renewal   restart        // that restart
	barrier   map[*life]bool // lives of a group that must end before any of it starts

	begun     bool
	stop      *stopping
	readyOnce bool
	finished  bool
	lastUnrec *messages.Exit // the last unrecoverable exit in time
	out       []effect
	now       time.Time
}

// slot is a worker's place.
type slot struct {
	id        int
	lives     int // lives so far
	image     int // a crash is repaired with it
	wanted    bool
	current   *life
	next      *life     // replacement that is not ready yet
	old       []*life   // told to stop
	due       time.Time // of the next start; zero = none
	why       string    // the slot waits
	history   history
	ended     *messages.Exit // unrecoverable: not started again
	lastExit  messages.Exit
	everReady bool
}

// life is one incarnation as the fleet sees it.
type life struct {
	inc       messages.Incarnation
	image     int
	pid       int
	state     lifeState
	began     time.Time
	readyAt   time.Time // zero before
	told      messages.Mode
	why       string    // it was told to stop
	stoppedAt time.Time // when it was told
	drainBy   time.Time // it becomes immediate; zero = never
	retireAt  time.Time // worker_max_age; zero = never
	readyBy   time.Time // of a replacement; zero = never
	stuck     bool
	closing   bool // it ends by itself because it was asked to, by a signal to its own pid
}

type lifeState uint8

const (
	lifeStarting lifeState = iota
	lifeReady
	lifeStopping
)

// Effects: what the hands do.
type effect interface{}

type (
	// startLife makes the worker actor of inc, running image.
	startLife struct {
		inc   messages.Incarnation
		image int
	}
	// tellLife sends an incarnation a Stop.
	tellLife struct {
		inc  messages.Incarnation
		stop messages.Stop
	}
	// report sends an event up.
	report struct{ event messages.Event }
	// remark is something people should read.
	remark struct {
		level string // info, warn, error
		text  string
		inc   messages.Incarnation // zero = none
	}
	// killLife ends an incarnation's process group without asking.
	killLife struct{ inc messages.Incarnation }
	// finish is the last effect: nothing runs any more, or what does can't be ended.
	finish struct {
		exit      messages.Exit
		abandoned []messages.Incarnation // goroutine workers that still run
	}
)

// Inputs beside the events of package messages.
type (
	begin struct {
		image int
	}
	configure struct{ policy policy }
	restart   struct {
		mode  messages.Mode
		image int
		id    uint64 // of the command
		// recycles: it is the soft replacement of one worker, of which nobody is told.
		recycles bool
	}
	stopAll struct {
		mode   messages.Mode
		reason string
	}
	exited struct {
		inc  messages.Incarnation
		exit messages.Exit
	}
	recycle struct {
		inc messages.Incarnation
		why string
	}
	closing struct{ inc messages.Incarnation }
	tick    struct{}
)

func newFleet(generation int, p policy, rnd func() float64) *fleet {
	return &fleet{generation: generation, policy: p, rnd: rnd, barrier: map[*life]bool{}}
}

// step takes one input at now and returns what is to be done about it. Inputs are the
// types above and the events WorkerStarted and WorkerReady.
func (f *fleet) step(now time.Time, in any) []effect {
	f.now, f.out = now, nil
	if f.finished {
		return nil
	}
	switch in := in.(type) {
	case begin:
		f.begun, f.image = true, in.image
		f.resize()
	case configure:
		f.reconfigure(in.policy)
	case restart:
		f.restart(in)
	case stopAll:
		f.stopAll(in)
	case messages.WorkerStarted:
		f.started(in)
	case messages.WorkerReady:
		f.ready(in.Incarnation)
	case exited:
		f.exited(in)
	case recycle:
		f.recycle(in)
	case closing:
		if _, l := f.find(in.inc); l != nil {
			l.closing = true
		}
	case tick:
	}
	f.settle()
	return f.out
}

// settle does what has become due.
func (f *fleet) settle() {
	for s := f.agenda.due(f.now); s != nil; s = f.agenda.due(f.now) {
		f.check(s)
	}
	f.advanceRoll()
	f.checkStop()
	f.checkEnd()
	f.checkReady()
}

// check does what has become due in one slot.
func (f *fleet) check(s *slot) {
	for _, l := range s.living() {
		f.checkLife(s, l)
	}
	if !s.due.IsZero() && !f.now.Before(s.due) {
		f.startDue(s)
	}
}

func (f *fleet) do(e effect) { f.out = append(f.out, e) }

func (f *fleet) say(level, text string) { f.do(remark{level: level, text: text}) }

// next is when step wants to be called with a tick at the latest; zero = never. It may be
// earlier than anything that is really due.
func (f *fleet) next() time.Time {
	if f.finished {
		return time.Time{}
	}
	first := f.agenda.first()
	if f.stop != nil {
		if t := f.stop.wakeup(f); first.IsZero() || t.Before(first) {
			first = t
		}
	}
	return first
}

// living lists the incarnations of a slot that have not exited, the wanted one first.
func (s *slot) living() []*life {
	var all []*life
	if s.current != nil {
		all = append(all, s.current)
	}
	if s.next != nil {
		all = append(all, s.next)
	}
	return append(all, s.old...)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// find is the life of an incarnation, or nil when it is gone or was never ours.
func (f *fleet) find(inc messages.Incarnation) (*slot, *life) {
	if inc.Generation != f.generation || inc.Slot < 0 || inc.Slot >= len(f.slots) {
		return nil, nil
	}
	s := f.slots[inc.Slot]
	for _, l := range s.living() {
		if l.inc == inc {
			return s, l
		}
	}
	return nil, nil
}

// resize makes the wanted slots exist and the others end. A slot beyond what exists is
// due at once; among them the highest ids are stopped first.
func (f *fleet) resize() {
	if !f.begun || f.stop != nil {
		return
	}
	for id := len(f.slots); id < f.policy.workers; id++ {
		f.slots = append(f.slots, &slot{id: id, image: f.image})
	}
	for _, s := range slices.Backward(f.slots) {
		if s.wanted && s.id >= f.policy.workers {
			s.wanted, s.due = false, time.Time{}
			f.retireSlot(s, messages.Graceful, "fewer workers are wanted")
		}
	}
	for _, s := range f.slots {
		if !s.wanted && s.id < f.policy.workers {
			s.wanted, s.ended, s.everReady, s.history, s.image = true, nil, false, history{}, f.image
			f.schedule(s, f.now, "start")
		}
	}
	f.renewed(nil)
}

func (f *fleet) reconfigure(p policy) {
	p.guest = f.policy.guest
	gap := p.startDelay != f.policy.startDelay || p.startDelayRand != f.policy.startDelayRand
	f.policy = p
	if gap {
		f.sampleGap()
	}
	f.resize()
}

// retireSlot tells every life of a slot to stop.
func (f *fleet) retireSlot(s *slot, mode messages.Mode, why string) {
	if s.current != nil {
		f.retire(s, s.current, mode, why)
	}
	if s.next != nil {
		f.retire(s, s.next, mode, why)
	}
	if mode == messages.Immediate {
		for _, l := range s.old {
			f.tell(l, mode, why)
		}
	}
}

// retire tells a life to stop and moves it to the old ones.
func (f *fleet) retire(s *slot, l *life, mode messages.Mode, why string) {
	if s.current == l {
		s.current = nil
	}
	if s.next == l {
		s.next = nil
	}
	s.old = append(s.old, l)
	f.tell(l, mode, why)
}

// tell sends a Stop, unless one at least as urgent was sent before.
func (f *fleet) tell(l *life, mode messages.Mode, why string) {
	if l.state == lifeStopping && l.told >= mode {
		return
	}
	if l.state != lifeStopping {
		l.stoppedAt, l.why = f.now, why
	}
	l.state, l.told, l.retireAt, l.readyBy, l.drainBy = lifeStopping, mode, time.Time{}, time.Time{}, time.Time{}
	if mode == messages.Graceful {
		switch limit := f.policy.drainTimeout; {
		case !f.policy.killable && f.policy.stuckAfter >= 0:
			l.drainBy = f.agenda.at(f.now.Add(f.policy.stuckAfter), f.slots[l.inc.Slot])
		case f.policy.killable && limit >= 0 && f.stop == nil:
			l.drainBy = f.agenda.at(f.now.Add(limit), f.slots[l.inc.Slot])
		}
	}
	f.do(tellLife{inc: l.inc, stop: messages.Stop{Mode: mode, Reason: why}})
	f.do(report{messages.WorkerStopping{Incarnation: l.inc, Mode: mode, Reason: why}})
}

// recycle replaces one life softly, by the same token as a rolling restart.
func (f *fleet) recycle(in recycle) {
	s, l := f.find(in.inc)
	if l == nil || s.current != l || f.stop != nil {
		return
	}
	l.retireAt = time.Time{}
	if !slices.ContainsFunc(f.recycles, func(r recycle) bool { return r.inc == in.inc }) {
		f.do(remark{level: "info", text: "worker is to be replaced: " + in.why, inc: l.inc})
		f.recycles = append(f.recycles, in)
	}
}

// workersWanted lists the slots that are wanted, lowest id first.
func (f *fleet) workersWanted() []*slot {
	var all []*slot
	for _, s := range f.slots {
		if s.wanted {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b *slot) int { return cmp.Compare(a.id, b.id) })
	return all
}

// groupOf lists the slots that restart together with s.
func (f *fleet) groupOf(s *slot) []*slot {
	switch f.policy.family {
	case config.OneForAll:
		return f.workersWanted()
	case config.RestForOne:
		return slices.DeleteFunc(f.workersWanted(), func(o *slot) bool { return o.id < s.id })
	}
	return []*slot{s}
}
