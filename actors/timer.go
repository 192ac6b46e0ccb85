package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Alarm sends one message to an actor when a time has come: its timer. It belongs to that
// actor and is used only from its Receive.
type Alarm struct {
	timer *time.Timer
	at    time.Time
	seq   uint64
}

// Rang is the message of an Alarm. One that was set anew or stopped since is stale; Due
// tells.
type Rang struct {
	seq uint64
	At  time.Time // when it was to ring
}

// Set makes the alarm ring at t, and no longer at any other time. The zero time stops it.
func (a *Alarm) Set(ctx actor.Context, t time.Time) {
	if t.Equal(a.at) && a.timer != nil {
		return
	}
	a.Stop()
	if t.IsZero() {
		return
	}
	a.at = t
	rang := Rang{seq: a.seq, At: t}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	a.timer = time.AfterFunc(time.Until(t), func() { root.Send(self, rang) })
}

// Stop makes the alarm silent.
func (a *Alarm) Stop() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	a.seq++
	a.at = time.Time{}
}

// Due reports whether r is from the present setting, and forgets the setting.
func (a *Alarm) Due(r Rang) bool {
	if a.timer == nil || r.seq != a.seq {
		return false
	}
	a.Stop()
	return true
}
