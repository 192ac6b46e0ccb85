package supervisor

import (
	"fmt"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// roll replaces slots one after another: a replacement starts, becomes ready, and only
// then the old one is told to stop. It goes on as soon as there is room, whether or not
// the old ones have finished draining.
type roll struct {
	image    int
	id       uint64 // of the restart
	waiting  []*slot
	flight   map[*slot]*life // replacements that are not ready yet
	replaced int
	of       int
	recycles bool // it is the soft replacement of one worker, not a restart
	surge    int
}

// restart begins the restart of all wanted slots, by the strategy in force.
func (f *fleet) restart(in restart) {
	if f.stop != nil || !f.begun {
		return
	}
	if in.mode == messages.Immediate && !f.policy.killable {
		f.say("warn", "immediate restart: goroutine workers can't be killed, the restart is graceful")
		in.mode = messages.Graceful
	}
	if in.mode == messages.Immediate || !f.policy.rolling {
		f.restartAll(in)
		return
	}
	if f.roll != nil {
		f.say("info", "a restart is under way: the new one follows it")
		f.supersede()
		f.pending = &in
		return
	}
	f.beginRoll(in)
}

// restartAll tells everybody to stop; each is replaced as it finishes.
func (f *fleet) restartAll(in restart) {
	f.endRoll(superseded)
	f.supersede()
	if f.renewing != nil && !f.renewal.recycles {
		f.report(f.renewal, superseded)
	}
	f.recycles = nil
	f.image = in.image
	f.renewing, f.renewal = map[*slot]bool{}, in
	for _, s := range f.workersWanted() {
		f.renewing[s] = true
		f.renew(s, in.image)
		f.retireSlot(s, in.mode, in.mode.String()+" restart")
		if len(s.old) == 0 || f.policy.killable && f.idle(s) {
			f.schedule(s, f.now, "restart")
		}
	}
	f.renewed(nil)
}

// superseded is the reason of a restart that another one has taken the place of.
const superseded = "superseded by another restart"

// supersede drops a restart that was to follow. Each restart has one end.
func (f *fleet) supersede() {
	if in := f.pending; in != nil {
		f.pending = nil
		f.report(*in, superseded)
	}
}

// report tells the end of a restart.
func (f *fleet) report(in restart, why string) {
	f.do(report{messages.RestartFinished{Mode: in.mode, ID: in.id, Reason: why}})
}

// idle reports that nothing of a slot was just told to stop by a restart.
func (f *fleet) idle(s *slot) bool {
	for _, l := range s.old {
		if l.stoppedAt.Equal(f.now) {
			return false
		}
	}
	return true
}

// renew forgets what stood between a slot and its next start.
func (f *fleet) renew(s *slot, image int) {
	s.image, s.ended, s.due = image, nil, time.Time{}
	s.history.inRow, s.history.failing, s.history.recent = 0, false, nil
}

// renewed notes that a slot has come back after a restart of all, nil for none in particular.
// One that never will, since it has ended or is not wanted any more, is not waited for.
func (f *fleet) renewed(s *slot) {
	if f.renewing == nil {
		return
	}
	delete(f.renewing, s)
	for o := range f.renewing {
		if !o.wanted || o.ended != nil {
			delete(f.renewing, o)
		}
	}
	if len(f.renewing) == 0 {
		f.renewing = nil
		if !f.renewal.recycles {
			f.report(f.renewal, "")
		}
	}
}

func (f *fleet) beginRoll(in restart) {
	slots := f.workersWanted()
	f.recycles = nil
	f.roll = &roll{image: in.image, id: in.id, waiting: slots, of: len(slots), flight: map[*slot]*life{}, surge: f.policy.surge}
}

// advanceRoll starts as many replacements as there is room for, and ends a roll that has
// nothing left to do.
func (f *fleet) advanceRoll() {
	if f.stop != nil || !f.begun {
		return
	}
	for {
		if f.roll == nil && !f.nextRoll() {
			return
		}
		if f.launch() {
			return
		}
		f.completeRoll()
	}
}

// nextRoll begins what was asked for meanwhile: a restart, or the next soft replacement.
func (f *fleet) nextRoll() bool {
	if in := f.pending; in != nil {
		f.pending = nil
		f.beginRoll(*in)
		return true
	}
	for len(f.recycles) > 0 && f.renewing == nil {
		in := f.recycles[0]
		f.recycles = f.recycles[1:]
		s, l := f.find(in.inc)
		if l == nil || s.current != l || !s.wanted {
			continue
		}
		if !f.policy.rolling {
			f.renewing, f.renewal = map[*slot]bool{s: true}, restart{recycles: true}
			f.retire(s, l, messages.Graceful, in.why)
			return false // the next one when it is back
		}
		f.roll = &roll{image: s.image, waiting: []*slot{s}, of: 1, flight: map[*slot]*life{}, recycles: true, surge: 1}
		return true
	}
	return false
}

// launch starts replacements; it reports whether the roll still waits for something.
func (f *fleet) launch() bool {
	r := f.roll
	for len(r.waiting) > 0 && len(r.flight) < r.surge {
		s := r.waiting[0]
		if !s.wanted || s.next != nil {
			r.waiting = r.waiting[1:]
			continue
		}
		if gate := f.gate(); f.now.Before(gate) {
			f.agenda.at(gate, s)
			return true
		}
		r.waiting = r.waiting[1:]
		s.due, s.ended = time.Time{}, nil
		s.next = f.start(s, r.image)
		r.flight[s] = s.next
		if limit := f.policy.readyTimeout; limit >= 0 {
			s.next.readyBy = f.agenda.at(f.now.Add(limit), s)
		}
	}
	for s := range r.flight {
		if !s.wanted {
			delete(r.flight, s)
		}
	}
	return len(r.flight) > 0 || len(r.waiting) > 0
}

// completeRoll ends a roll all of whose slots were replaced, unless slots were added
// meanwhile that still run the old image.
func (f *fleet) completeRoll() {
	r := f.roll
	if !r.recycles {
		for _, s := range f.workersWanted() {
			if s.image != r.image {
				r.waiting = append(r.waiting, s)
				r.of++
			}
		}
		if len(r.waiting) > 0 {
			return
		}
		f.image = r.image
		f.report(restart{id: r.id}, "")
	}
	f.roll = nil
}

// promote makes a replacement that is ready the slot's own and tells the old one to stop.
func (f *fleet) promote(s *slot) {
	old := s.current
	s.current, s.next = s.next, nil
	f.arrived(s)
	if old != nil {
		s.old = append(s.old, old)
		f.tell(old, messages.Graceful, "replaced by "+s.current.inc.String())
	}
}

// arrived notes that the replacement of a slot is ready.
func (f *fleet) arrived(s *slot) {
	s.image = s.current.image
	if f.roll != nil && f.roll.flight[s] == s.current {
		s.history.inRow, s.history.failing = 0, false
		delete(f.roll.flight, s)
		f.roll.replaced++
	}
}

// abortRoll ends a roll because the replacement of s failed: the old workers go on.
func (f *fleet) abortRoll(s *slot, e messages.Exit) {
	if f.roll == nil {
		return
	}
	r := f.roll
	failed := r.flight[s]
	delete(r.flight, s)
	why := "its replacement failed"
	if failed != nil {
		why = fmt.Sprintf("replacement %s: %s", failed.inc, e)
		f.retireReplacement(s, failed)
	}
	f.endRoll(why)
	if r.recycles && s.current != nil && f.policy.maxAge > 0 {
		s.current.retireAt = f.agenda.at(f.now.Add(f.policy.maxAge), s)
	}
	if len(e.Tail) > 0 {
		f.do(remark{level: "error", text: "last output of the replacement:\n" + joinLines(e.Tail), inc: failed.inc})
	}
}

// retireReplacement ends a replacement that is still there after its failure.
func (f *fleet) retireReplacement(s *slot, l *life) {
	if s.next == l || s.current == l {
		f.retire(s, l, messages.Immediate, "the restart was aborted")
		f.resumeSlot(s)
	}
}

// endRoll drops a roll and the replacements that are not ready; why is empty when nobody
// needs to be told.
func (f *fleet) endRoll(why string) {
	r := f.roll
	if r == nil {
		return
	}
	f.roll = nil
	for s, l := range r.flight {
		f.retireReplacement(s, l)
	}
	if r.recycles {
		f.do(remark{level: "error", text: "soft replacement aborted, the worker goes on: " + why})
		return
	}
	f.report(restart{id: r.id}, fmt.Sprintf("%s (%d of %d were replaced)", why, r.replaced, r.of))
}

func joinLines(lines []string) string {
	var out string
	for _, l := range lines {
		out += "  " + l + "\n"
	}
	return out
}

// images lists the images that a start may still need or that something runs.
func (f *fleet) images() map[int]bool {
	used := map[int]bool{f.image: true}
	for _, s := range f.slots {
		if s.wanted {
			used[s.image] = true
		}
		for _, l := range s.living() {
			used[l.image] = true
		}
	}
	if f.roll != nil {
		used[f.roll.image] = true
	}
	if f.pending != nil {
		used[f.pending.image] = true
	}
	return used
}
