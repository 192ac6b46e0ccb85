package supervisor

import (
	"fmt"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// live begins a live restart with a new image.
func (g *generations) live(image int) {
	switch {
	case g.stop != nil || g.leaving || !g.begun:
		return
	case g.policy.exitOnDetach:
		g.detach()
		return
	case g.next != nil:
		g.say("info", "a live restart is under way: the new one follows it")
		g.again = &image
		return
	}
	mode := messages.Graceful
	if g.current == nil {
		g.restartStart(mode, image)
		return
	}
	g.forgetNext() // one that has not started yet is superseded
	if g.policy.newFirst {
		g.nextImage, g.nextDue = image, g.earliest()
		return
	}
	g.image, g.replacing = image, &mode
	g.after = g.current
	g.retire(g.current, messages.Graceful, "live restart")
	g.due = later(g.now.Add(g.policy.detachWait), g.earliest())
}

// restartStart makes the start that is waited for, while there is no server, that of a new
// one: it takes the image and comes without a back-off, unless it waits for an old server.
func (g *generations) restartStart(mode messages.Mode, image int) {
	if g.stop != nil || g.leaving {
		return
	}
	g.forgetNext()
	g.image, g.replacing = image, &mode
	if g.after == nil {
		g.due = g.earliest()
	}
}

// forgetNext drops a live restart whose new server has not been started.
func (g *generations) forgetNext() {
	g.nextDue, g.reopen, g.opening, g.again = time.Time{}, false, false, nil
}

// nextAt is when next may be started; zero = never.
func (g *generations) nextAt() time.Time {
	if g.nextDue.IsZero() {
		return g.nextDue
	}
	return later(g.nextDue, g.lastStart.Add(g.policy.restartWait))
}

// startNext starts the new server of a live restart beside the old one. A retry looks at
// the program's path again first: what did not come up may have been repaired.
func (g *generations) startNext() {
	g.nextDue = time.Time{}
	if g.reopen {
		g.reopen, g.opening = false, true
		g.do(openNext{})
		return
	}
	mode := messages.Graceful
	g.next = g.start(g.nextImage)
	g.next.replaces = &mode
	if g.policy.readyTimeout >= 0 {
		g.next.readyBy = g.now.Add(g.policy.readyTimeout)
	}
}

func (g *generations) nextOpened(in nextOpened) {
	if !g.opening {
		return
	}
	g.opening = false
	if in.err != nil {
		g.retryNext(in.err.Error())
		return
	}
	g.nextImage, g.nextDue = in.image, g.now
}

// tookOver ends a restart: the new server is ready.
func (g *generations) tookOver(one *generation) {
	if one.replaces == nil {
		return
	}
	g.image, g.replacing = one.image, nil
	g.do(report{messages.RestartFinished{Mode: *one.replaces}})
	if g.again != nil {
		g.live(*g.again)
	}
}

// workersRun notes what the workers of a server run now. A replacement brings it along.
func (g *generations) workersRun(in genImage) {
	for _, one := range []*generation{g.current, g.next} {
		if one != nil && one.number == in.number {
			one.image = in.image
		}
	}
	if g.current != nil && g.current.number == in.number {
		g.image = in.image
	}
}

// detach lets the server finish and keeps nothing any more.
func (g *generations) detach() {
	g.leaving = true
	g.due = time.Time{}
	g.forgetNext()
	for _, one := range g.all() {
		if one.told == nil {
			g.retire(one, messages.Graceful, "detached: exit_on_detach")
		}
	}
	g.say("info", "exit_on_detach: the supervisor ends when the server has finished")
	g.do(leave{})
}

// restart replaces the server process, the old one first.
func (g *generations) restart(in restartServer) {
	if g.stop != nil || g.leaving {
		return
	}
	g.image, g.replacing = in.image, &in.mode
	if g.next != nil {
		g.retire(g.next, messages.Immediate, "superseded by a restart of the server")
	}
	g.forgetNext()
	why := in.mode.String() + " restart of the server process"
	switch {
	case g.current != nil: // the next one starts when it has exited
		g.after, g.due = g.current, farAway(g.now)
		g.retire(g.current, in.mode, why)
	case g.after != nil: // the same is under way: it may only become more urgent
		g.tell(g.after, in.mode, why)
	default:
		g.due = g.earliest()
	}
}

// farAway is a due time that only the exit of the old server brings nearer.
func farAway(now time.Time) time.Time { return now.Add(100 * 365 * 24 * time.Hour) }

// limitTo ends the oldest generations until at most n are left. Those that are being ended
// already are not counted.
func (g *generations) limitTo(n int) {
	left := len(g.all())
	for _, o := range g.old {
		if *o.told == messages.Immediate {
			left--
		}
	}
	for _, o := range g.old {
		if left <= n {
			return
		}
		if *o.told != messages.Immediate {
			g.say("warn", fmt.Sprintf("max_generations: server %d is ended", o.number))
			g.tell(o, messages.Immediate, "max_generations")
			left--
		}
	}
}

// makeRoom lets one more generation start.
func (g *generations) makeRoom() { g.limitTo(g.policy.max - 1) }

// notReady ends a replacement that was not ready in time; the old server stays.
func (g *generations) notReady(one *generation) {
	if one != g.next {
		return
	}
	g.retire(one, messages.Immediate, "it was not ready in time")
	g.retryNext("not ready in time")
}

// retryNext tries a live restart again, later: the old server goes on serving.
func (g *generations) retryNext(why string) {
	d := g.history.decide(g.now, g.policy.restart, 0, false, 0, g.rnd())
	g.retryAt(later(g.earliest(), g.now.Add(d.after)), why)
}

func (g *generations) retryAt(at time.Time, why string) {
	g.forgetNext()
	g.nextDue, g.reopen = at, true
	g.say("error", "live restart: the new server did not come up, the old one goes on, and it is tried again: "+why)
	g.do(report{messages.RestartFinished{Mode: messages.Graceful, Reason: "the new server did not come up: " + why}})
}
