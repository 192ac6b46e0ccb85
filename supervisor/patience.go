package supervisor

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// patience is the mind of a stop that waits for one of the user's hooks: it says when people
// are to be reminded of it, and when it is not waited for any longer.
type patience struct {
	hook     string // empty = nothing is waited for
	remindAt time.Time
	by       time.Time // zero = for ever
	why      string    // it ends then
}

// step says what is due at now.
func (p *patience) step(now time.Time) (remind, over bool) {
	if !p.by.IsZero() && !now.Before(p.by) {
		return false, true
	}
	if now.Before(p.remindAt) {
		return false, false
	}
	p.remindAt = now.Add(remindEvery)
	return true, false
}

// next is when step wants to be called.
func (p *patience) next() time.Time {
	if !p.by.IsZero() && p.by.Before(p.remindAt) {
		return p.by
	}
	return p.remindAt
}

// arm sets the alarm for what becomes due first.
func (s *server) arm(ctx actor.Context) {
	if s.patience.hook != "" {
		s.alarm.Set(ctx, s.patience.next())
		return
	}
	s.alarm.Set(ctx, s.fleet.next())
}

// awaitBeforeRun lets a stop wait for BeforeRun, which may hang; an immediate one does not.
func (s *server) awaitBeforeRun(ctx actor.Context, mode messages.Mode) {
	s.exit = messages.Exit{Cause: messages.ExitReturned}
	if s.patience.hook == "" {
		s.patience = patience{hook: "BeforeRun", remindAt: time.Now().Add(remindEvery)}
	}
	if mode == messages.Immediate {
		s.giveUpHook(ctx, "immediate stop")
		return
	}
	s.limitHook(ctx)
}

// awaitAfterRun bounds the wait for AfterRun by what remains of a stop, but leaves a hook in
// the background and AfterRun the time that each has.
func (s *server) awaitAfterRun(ctx actor.Context) {
	now, limit := time.Now(), s.fleet.policy.stopTimeout
	least := now.Add(2 * hookWait)
	s.patience = patience{hook: "AfterRun", remindAt: now.Add(remindEvery)}
	switch st := s.fleet.stop; {
	case st == nil:
	case st.mode == messages.Immediate:
		s.patience.by, s.patience.why = least, "immediate stop"
	case limit >= 0:
		s.patience.by, s.patience.why = later(st.began.Add(limit), least), stopTimeoutOver
	}
	s.arm(ctx)
}

const stopTimeoutOver = "stop_timeout is over"

// limitHook applies stop_timeout to a stop that finds a hook running.
func (s *server) limitHook(ctx actor.Context) {
	if limit := s.fleet.policy.stopTimeout; limit >= 0 && s.patience.by.IsZero() {
		s.patience.by, s.patience.why = time.Now().Add(limit), stopTimeoutOver
	}
	s.arm(ctx)
}

// lookAtHook does what has become due while a hook is waited for.
func (s *server) lookAtHook(ctx actor.Context) {
	remind, over := s.patience.step(time.Now())
	if over {
		s.giveUpHook(ctx, s.patience.why)
		return
	}
	if remind {
		s.Log.Infof("waiting for %s to end", s.patience.hook)
	}
	s.arm(ctx)
}

// giveUpHook ends although a hook is still running.
func (s *server) giveUpHook(ctx actor.Context, why string) {
	s.Log.Warnf("%s: %s is not waited for", why, s.patience.hook)
	s.say(ctx)
}
