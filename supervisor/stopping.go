package supervisor

import (
	"fmt"
	"strings"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// remindEvery is how often a stop that takes long says who is left.
const remindEvery = 5 * time.Second

// stopping is a fleet on its way to the end.
type stopping struct {
	mode     messages.Mode
	exit     messages.Exit // of the whole
	began    time.Time
	remindAt time.Time
	by       time.Time // stop_timeout; zero = none
}

func (st *stopping) wakeup(f *fleet) time.Time {
	if !st.by.IsZero() && st.by.Before(st.remindAt) {
		return st.by
	}
	return st.remindAt
}

func (f *fleet) stopAll(in stopAll) {
	f.stopWith(in.mode, in.reason, messages.Exit{Cause: messages.ExitReturned})
}

// stopWith begins the end of the fleet with exit as the status of the whole, or makes an
// end that has begun more urgent.
func (f *fleet) stopWith(mode messages.Mode, reason string, exit messages.Exit) {
	mode = f.possible(mode)
	if f.stop != nil {
		if mode <= f.stop.mode {
			return
		}
	} else {
		f.stop = &stopping{exit: exit, began: f.now, remindAt: f.now.Add(remindEvery)}
		if f.policy.stopTimeout >= 0 {
			f.stop.by = f.now.Add(f.policy.stopTimeout)
		}
	}
	f.stop.mode = mode
	f.roll, f.pending, f.recycles, f.renewing = nil, nil, nil, nil
	clear(f.barrier)
	for _, s := range f.slots {
		s.due = time.Time{}
		f.retireSlot(s, mode, reason)
		for _, l := range s.old {
			f.tell(l, mode, reason)
			if f.policy.killable {
				l.drainBy = time.Time{}
			}
		}
	}
	if mode == messages.Immediate && !f.policy.killable {
		f.abandon(f.stop.exit)
	}
}

// possible is the mode that these workers can be stopped with.
func (f *fleet) possible(mode messages.Mode) messages.Mode {
	if mode == messages.Immediate && !f.policy.killable && f.policy.guest {
		f.say("warn", "immediate stop: goroutine workers can't be killed, the stop is graceful")
		return messages.Graceful
	}
	return mode
}

// abandon ends the fleet although goroutine workers still run: the process is to exit.
func (f *fleet) abandon(exit messages.Exit) {
	var left []messages.Incarnation
	for _, s := range f.slots {
		for _, l := range s.living() {
			left = append(left, l.inc)
		}
	}
	f.finished = true
	f.do(finish{exit: exit, abandoned: left})
}

// checkStop reminds people of who is left, and enforces stop_timeout.
func (f *fleet) checkStop() {
	st := f.stop
	if st == nil || f.finished || f.alive == 0 {
		return
	}
	if !f.now.Before(st.remindAt) {
		st.remindAt = f.now.Add(remindEvery)
		f.say("info", f.whoIsLeft())
	}
	if st.by.IsZero() || f.now.Before(st.by) {
		return
	}
	st.by = time.Time{}
	f.say("warn", "stop_timeout is over: "+f.whoIsLeft())
	if !f.policy.killable {
		f.abandon(messages.Exit{Cause: messages.ExitError, Code: 1, Detail: "stop_timeout with workers that can't be killed"})
		return
	}
	for _, s := range f.slots {
		for _, l := range s.living() {
			f.do(killLife{inc: l.inc})
		}
	}
}

// whoIsLeft is the line that a long stop repeats.
func (f *fleet) whoIsLeft() string {
	const most = 8
	var names []string
	for _, s := range f.slots {
		for _, l := range s.living() {
			if len(names) == most {
				names = append(names, "…")
			}
			if len(names) > most {
				break
			}
			names = append(names, l.describe(f.now))
		}
	}
	return fmt.Sprintf("waiting for %d workers to end: %s", f.alive, strings.Join(names, ", "))
}

func (l *life) describe(now time.Time) string {
	who := l.inc.String()
	if l.pid != 0 {
		who += fmt.Sprintf(" (pid %d)", l.pid)
	}
	return fmt.Sprintf("%s in %s stop for %s", who, l.told, now.Sub(l.stoppedAt).Round(time.Second))
}

// checkEnd ends the fleet when nothing lives and nothing is to be started again.
func (f *fleet) checkEnd() {
	if f.finished || f.alive > 0 {
		return
	}
	if f.stop != nil {
		f.finished = true
		f.do(finish{exit: f.stop.exit})
		return
	}
	if f.lastUnrec == nil {
		return
	}
	wanted := f.workersWanted()
	for _, s := range wanted {
		if s.ended == nil {
			return
		}
	}
	if len(wanted) > 0 {
		f.finished = true
		f.do(finish{exit: *f.lastUnrec})
	}
}

// checkReady says once that every wanted slot has been ready. One that has ended for good is
// not waited for, but a fleet of nothing else never was ready.
func (f *fleet) checkReady() {
	if f.readyOnce || !f.begun || f.stop != nil || f.finished {
		return
	}
	for f.readyFrom < len(f.slots) {
		s := f.slots[f.readyFrom]
		if s.wanted && s.ended == nil && !s.everReady {
			return
		}
		f.readyFrom++
	}
	f.readyOnce = true
	f.do(report{messages.ServerReady{Generation: f.generation}})
}
