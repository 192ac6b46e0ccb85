package actors

import (
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// Ladder is the seed's kill escalation: a first signal, then further ones at growing
// intervals, then the next rung. A negative timeout never goes on to the next rung.
type Ladder struct {
	GracefulInterval, GracefulIncrement, GracefulTimeout    time.Duration
	ImmediateInterval, ImmediateIncrement, ImmediateTimeout time.Duration
}

// ServerMargin is how much longer a server process has than its workers before it is
// killed. Their deadlines are often the same number, and the server's begins first: killed
// before it has killed them, it would leave them behind.
const ServerMargin = 2 * time.Second

// Step is what the escalation asks for.
type Step uint8

// The steps, from the mildest to the last.
const (
	StepStopFrame      Step = iota // a Stop{Graceful} frame
	StepTerm                       // TERM
	StepImmediateFrame             // a Stop{Immediate} frame
	StepQuit                       // QUIT: a Go child dumps its goroutines and exits
	StepKill                       // KILL to the group
)

// escalation is the mind of a stop. Graceful: the frame at 0, then TERM after
// GracefulInterval and after ever longer intervals (15, 25, 35 … s with the seed's
// numbers); immediate: the same with its own frame, QUIT and numbers; then KILL, again
// after each ImmediateInterval, since a process may be in an uninterruptible sleep. A
// child that takes no frames gets the signal at 0 too, and so does one that has not ended
// in time or is silent: it is no longer asked, and QUIT shows where it hangs.
type escalation struct {
	ladder Ladder
	frames bool

	active bool
	mode   messages.Mode
	began  time.Time // of the present rung
	due    time.Time // of the next signal
	gap    time.Duration
	killed bool
}

// start begins a stop at now, or makes one that has begun more urgent.
func (e *escalation) start(now time.Time, mode messages.Mode) []Step {
	if e.active && mode <= e.mode {
		return nil
	}
	e.active, e.mode, e.began, e.due = true, mode, now, now
	e.gap = e.ladder.GracefulInterval
	first := StepStopFrame
	if mode == messages.Immediate {
		e.gap, first = e.ladder.ImmediateInterval, StepImmediateFrame
	}
	if !e.frames {
		return e.step(now)
	}
	e.advance(now)
	return []Step{first}
}

// distrust is start for a child that is not asked any more.
func (e *escalation) distrust(now time.Time) []Step {
	e.frames = false
	return e.start(now, messages.Immediate)
}

// kill goes to the last rung at once.
func (e *escalation) kill(now time.Time) []Step {
	e.active, e.mode, e.killed = true, messages.Immediate, true
	e.due = now.Add(max(e.ladder.ImmediateInterval, time.Second))
	return []Step{StepKill}
}

// step returns what is due at now.
func (e *escalation) step(now time.Time) []Step {
	if !e.active {
		return nil
	}
	if end := e.rungEnd(); !end.IsZero() && !now.Before(end) && !e.killed {
		if e.mode == messages.Graceful {
			return e.distrust(now)
		}
		return e.kill(now)
	}
	if now.Before(e.due) {
		return nil
	}
	if e.killed {
		return e.kill(now)
	}
	e.advance(now)
	if e.mode == messages.Graceful {
		return []Step{StepTerm}
	}
	return []Step{StepQuit}
}

// advance makes the next signal due one interval later, and that interval longer. It
// counts from now: a process that was stopped itself catches nothing up, and the child has
// its time after each signal.
func (e *escalation) advance(now time.Time) {
	e.due = now.Add(e.gap)
	if e.mode == messages.Graceful {
		e.gap += e.ladder.GracefulIncrement
	} else {
		e.gap += e.ladder.ImmediateIncrement
	}
}

// rungEnd is when the present rung gives way to the next; zero = never.
func (e *escalation) rungEnd() time.Time {
	limit := e.ladder.GracefulTimeout
	if e.mode == messages.Immediate {
		limit = e.ladder.ImmediateTimeout
	}
	if limit < 0 {
		return time.Time{}
	}
	return e.began.Add(limit)
}

// next is when step wants to be called; zero = never.
func (e *escalation) next() time.Time {
	if !e.active {
		return time.Time{}
	}
	if end := e.rungEnd(); !e.killed && !end.IsZero() && end.Before(e.due) {
		return end
	}
	return e.due
}
