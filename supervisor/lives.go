package supervisor

import (
	"slices"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// schedule makes t the time of the slot's next start.
func (f *fleet) schedule(s *slot, t time.Time, why string) {
	s.due, s.why = f.agenda.at(t, s), why
}

// gate is the earliest time of the next start of any slot.
func (f *fleet) gate() time.Time {
	if f.lastStart.IsZero() {
		return time.Time{}
	}
	return f.lastStart.Add(f.gap)
}

func (f *fleet) sampleGap() {
	d := f.policy.startDelay
	f.gap = d + time.Duration(f.rnd()*f.policy.startDelayRand*float64(d))
}

// startDue starts a slot whose due time has come, unless something else is to be waited
// for: a group that has not ended yet, an old goroutine worker that can't be killed, or
// the delay between two starts.
func (f *fleet) startDue(s *slot) {
	switch {
	case f.stop != nil || !s.wanted || s.current != nil || s.next != nil || s.ended != nil:
		s.due = time.Time{}
	case len(f.barrier) > 0 || !f.policy.killable && len(s.old) > 0:
		// Looked at again when the barrier opens or the old one exits.
	case f.now.Before(f.gate()):
		f.agenda.at(f.gate(), s)
	default:
		s.due = time.Time{}
		s.current = f.start(s, s.image)
	}
}

// start makes the next life of a slot.
func (f *fleet) start(s *slot, image int) *life {
	s.lives++
	l := &life{
		inc:   messages.Incarnation{Generation: f.generation, Slot: s.id, Life: s.lives},
		image: image, began: f.now,
	}
	f.alive++
	f.lastStart = f.now
	f.sampleGap()
	f.do(startLife{inc: l.inc, image: image})
	return l
}

func (f *fleet) started(in messages.WorkerStarted) {
	if _, l := f.find(in.Incarnation); l != nil {
		l.pid = in.Pid
		f.do(report{in})
	}
}

func (f *fleet) ready(inc messages.Incarnation) {
	s, l := f.find(inc)
	if l == nil || l.state != lifeStarting {
		return
	}
	l.state, l.readyAt, l.readyBy = lifeReady, f.now, time.Time{}
	if age := f.policy.maxAge; age > 0 {
		l.retireAt = f.agenda.at(f.now.Add(age-time.Duration(f.rnd()*f.policy.jitter*float64(age))), s)
	}
	s.everReady = true
	f.do(report{messages.WorkerReady{Incarnation: inc}})
	if s.next == l {
		f.promote(s)
	} else {
		f.arrived(s)
	}
	f.renewed(s)
}

// exited handles the last event of a life.
func (f *fleet) exited(in exited) {
	s, l := f.find(in.inc)
	if l == nil {
		return
	}
	f.alive--
	awaited := f.barrier[l]
	delete(f.barrier, l)
	s.lastExit = in.exit
	expected := l.state == lifeStopping
	event := messages.WorkerExited{
		Incarnation: l.inc, Pid: l.pid, Exit: in.exit, Uptime: f.now.Sub(l.began), Expected: expected, Next: -1,
	}
	wasNext, wasCurrent := s.next == l, s.current == l
	inFlight := f.roll != nil && f.roll.flight[s] == l
	before := len(f.out)
	switch {
	case wasNext:
		s.next = nil
	case wasCurrent:
		s.current = nil
	default:
		s.old = slices.DeleteFunc(s.old, func(o *life) bool { return o == l })
	}
	if f.stop == nil && s.wanted && !expected {
		f.endedByItself(s, l, in.exit, wasCurrent)
		if inFlight {
			f.abortRoll(s, in.exit)
		}
	}
	if awaited && !s.due.IsZero() {
		f.schedule(s, later(s.due, f.now.Add(max(0, f.policy.restartInterval))), s.why)
	}
	if awaited && len(f.barrier) == 0 {
		f.openBarrier()
	}
	f.resumeSlot(s)
	event.Restarts = s.history.restarts
	if !s.due.IsZero() {
		event.Next = max(0, s.due.Sub(f.now))
	}
	f.out = slices.Insert(f.out, before, effect(report{event}))
}

// endedByItself handles the exit of a life that nobody had told to stop.
func (f *fleet) endedByItself(s *slot, l *life, e messages.Exit, wasCurrent bool) {
	switch {
	case wasCurrent && s.next != nil:
		// Its replacement is on the way: it is the wanted one from now on.
		s.current, s.next = s.next, nil
		s.history.restarts++
	case wasCurrent, s.current == nil:
		f.crashed(s, l, e)
	}
}

// resumeSlot makes a slot due that has nothing any more, for example after the life that
// a restart told to stop has ended.
func (f *fleet) resumeSlot(s *slot) {
	if f.stop != nil || !s.wanted || s.ended != nil || s.current != nil || s.next != nil {
		return
	}
	if s.due.IsZero() {
		f.schedule(s, f.now.Add(max(0, f.policy.restartInterval)), "restart")
		return
	}
	f.agenda.at(later(s.due, f.now), s)
}

// crashed applies the restart policy to a slot whose wanted life ended by itself.
func (f *fleet) crashed(s *slot, l *life, e messages.Exit) {
	if l.closing && e.Ok() { // an operator's wish, no failure: it counts towards no limit
		s.history.restarts++
		f.schedule(s, f.now.Add(max(0, f.policy.restartInterval)), "it was stopped by a signal")
		return
	}
	var readyFor time.Duration
	if !l.readyAt.IsZero() {
		readyFor = max(1, f.now.Sub(l.readyAt))
	}
	wasFailing := s.history.failing
	d := s.history.decide(f.now, f.policy, e.Code, hasCode(e), readyFor, f.rnd())
	switch d.action {
	case endSlot:
		f.unrecoverable(s, e)
		return
	case endFleet:
		f.do(remark{level: "error", text: "restart limit exceeded: the server stops", inc: l.inc})
		f.stopWith(messages.Graceful, "restart limit exceeded", messages.Exit{
			Cause: messages.ExitError, Code: 1, Detail: "restart limit exceeded by worker " + l.inc.String() + " (" + e.String() + ")",
		})
		return
	}
	if s.history.failing && !wasFailing {
		f.do(remark{level: "error", text: "restart limit exceeded: the worker is retried slowly", inc: l.inc})
	}
	f.schedule(s, f.now.Add(d.after), d.why)
	f.restartGroup(s, l)
}

// hasCode reports whether an exit says a code of its own: not a signal, nor a panic.
func hasCode(e messages.Exit) bool {
	return e.Cause == messages.ExitReturned || e.Cause == messages.ExitError
}

// unrecoverable ends a slot, and with the policy to do so or as the last one the fleet.
func (f *fleet) unrecoverable(s *slot, e messages.Exit) {
	s.ended, f.lastUnrec = &e, &e
	f.renewed(s)
	if f.policy.stopAtUnrecoverable {
		f.stopWith(messages.Graceful, "a worker exited unrecoverably", e)
	}
}

// restartGroup ends the others of a slot's group; none starts before all have ended, nor
// before the one that crashed, which may wait for its back-off.
func (f *fleet) restartGroup(s *slot, l *life) {
	for _, o := range f.groupOf(s) {
		if o == s || o.ended != nil {
			continue
		}
		if o.current != nil || o.next != nil || !o.due.IsZero() {
			f.schedule(o, later(o.due, s.due), "worker "+l.inc.String()+" exited")
		}
		for _, other := range []*life{o.current, o.next} {
			if other != nil {
				f.barrier[other] = true
				f.retire(o, other, messages.Graceful, "worker "+l.inc.String()+" exited")
			}
		}
	}
}

func (f *fleet) openBarrier() {
	for _, s := range f.slots {
		if !s.due.IsZero() {
			f.agenda.at(later(s.due, f.now), s)
		}
	}
}

// checkLife does what has become due about one life.
func (f *fleet) checkLife(s *slot, l *life) {
	passed := func(t time.Time) bool { return !t.IsZero() && !f.now.Before(t) }
	if passed(l.drainBy) {
		l.drainBy = time.Time{}
		f.overdue(l)
	}
	if passed(l.retireAt) {
		f.recycle(recycle{inc: l.inc, why: "worker_max_age"})
	}
	if passed(l.readyBy) {
		l.readyBy = time.Time{}
		f.abortRoll(s, messages.Exit{Cause: messages.ExitFailed, Detail: "not ready within worker_ready_timeout"})
	}
}

// overdue handles a life that was told to stop gracefully and has used up its time.
func (f *fleet) overdue(l *life) {
	if f.policy.killable {
		f.do(remark{level: "warn", text: "worker_drain_timeout is over: immediate stop", inc: l.inc})
		f.tell(l, messages.Immediate, "worker_drain_timeout")
		return
	}
	if !l.stuck {
		l.stuck = true
		f.do(report{messages.WorkerStuck{Incarnation: l.inc}})
	}
}
