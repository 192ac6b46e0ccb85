package supervisor

import (
	"fmt"
	"time"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

// genStop is the end of all generations, on its way.
type genStop struct {
	mode     messages.Mode
	exit     messages.Exit
	remindAt time.Time
	by       time.Time
}

// stopAll begins the end, or makes it more urgent.
func (g *generations) stopAll(mode messages.Mode, reason string, exit messages.Exit) {
	if g.stop != nil {
		if mode <= g.stop.mode {
			return
		}
	} else {
		g.stop = &genStop{exit: exit, remindAt: g.now.Add(remindEvery)}
		if g.policy.stopTimeout >= 0 {
			g.stop.by = g.now.Add(g.policy.stopTimeout + actors.ServerMargin) // the server kills its workers first
		}
	}
	g.stop.mode = mode
	g.due = time.Time{}
	g.forgetNext()
	for _, one := range g.all() {
		if one.told == nil {
			g.retire(one, mode, reason)
			continue
		}
		g.tell(one, mode, reason)
	}
}

// checkStop reminds people of who is left, and enforces stop_timeout.
func (g *generations) checkStop() {
	st := g.stop
	if st == nil || len(g.all()) == 0 {
		return
	}
	if !g.now.Before(st.remindAt) {
		st.remindAt = g.now.Add(remindEvery)
		for _, one := range g.all() {
			g.say("info", fmt.Sprintf("waiting for server %d (pid %d) to end", one.number, one.pid))
		}
	}
	if st.by.IsZero() || g.now.Before(st.by) {
		return
	}
	st.by = time.Time{}
	g.say("warn", "stop_timeout is over: what is left is killed")
	for _, one := range g.all() {
		g.do(killServer{number: one.number})
	}
}
