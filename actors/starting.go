package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// startGrace is how long an immediate stop waits for a process that is being started. It is
// less than ServerMargin, so that a server can tell the end before it is killed itself.
const startGrace = time.Second

// hurryStart bounds the wait for a process that is to end as soon as it exists: what starts
// it, for example a hook of the user's, may hang.
func (p *Proxy) hurryStart(ctx actor.Context, mode messages.Mode) {
	limit := startGrace
	if mode == messages.Graceful {
		if limit = p.Timing.Ladder.GracefulTimeout; limit < 0 {
			return
		}
	}
	if by := time.Now().Add(limit); p.giveUp.IsZero() || by.Before(p.giveUp) {
		p.giveUp = by
		p.alarm.Set(ctx, by)
	}
}

// tooLate ends a process that is not there in time. It is killed if it comes to exist.
func (p *Proxy) tooLate(ctx actor.Context) {
	p.finish(ctx, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: startHangs})
}

const startHangs = "its start hangs and is not waited for"
