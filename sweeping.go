package serverengine

import (
	"maps"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// A socket that nobody asked for during a whole restart is closed at its end. Restarts
// overlap: the end of one says nothing of what lives since before the next began. So the
// sockets are swept only when every life that is to stay was born after the last mark, and
// has had worker_stable_after to ask for what it wants. Spawned commands ask when they like:
// with them no socket is ever unwanted.

// sweepMark is a restart at whose end sockets may be closed.
type sweepMark struct {
	on   bool
	upTo int // servers up to this generation are replaced too
}

// births knows of each life under which mark it was born.
type births struct {
	mu    sync.Mutex
	marks uint64
	of    map[messages.Incarnation]uint64
}

// note is called before a process can ask for anything, and for a goroutine worker once
// its start is known.
func (b *births) note(inc messages.Incarnation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[messages.Incarnation]uint64{}
	}
	if _, known := b.of[inc]; !known {
		b.of[inc] = b.marks
	}
}

func (b *births) forget(inc messages.Incarnation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.of, inc)
}

// forgetServer forgets the lives of a server that has ended without telling of theirs.
func (b *births) forgetServer(generation int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(b.of, func(inc messages.Incarnation, _ uint64) bool { return inc.Generation == generation })
}

// in reports whether a slot has a life, in any generation.
func (b *births) in(slot int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for inc := range b.of {
		if inc.Slot == slot {
			return true
		}
	}
	return false
}

// mark is called after the sockets' own: who is born between is of the time before.
func (b *births) mark() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks++
}

func (b *births) sinceMark(inc messages.Incarnation) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of[inc] == b.marks
}

// mark begins a restart of everybody. With newServers the servers are replaced too, whose
// own code may have asked for sockets.
func (e *engine) mark(newServers bool) {
	e.sweeper.Stop()
	e.marked = sweepMark{on: e.cfg.WorkerType != config.Spawn && e.house.mark(e.cfg)}
	if newServers {
		e.marked.upTo = e.census.newestServer()
	}
}

// sweep is called at the end of a restart.
func (e *engine) sweep(ctx actor.Context) {
	if !e.marked.on {
		return
	}
	for _, inc := range e.census.staying() {
		if !e.house.births.sinceMark(inc) || inc.Generation <= e.marked.upTo {
			return // another restart is under way, whose end sweeps
		}
	}
	e.marked.on = false
	e.sweeper.Set(ctx, time.Now().Add(e.cfg.WorkerStableAfter))
}

// newestServer is the highest generation that is known.
func (c *census) newestServer() int {
	newest := 0
	for generation := range c.servers {
		newest = max(newest, generation)
	}
	return newest
}

// staying are the lives that were not told to end.
func (c *census) staying() []messages.Incarnation {
	var all []messages.Incarnation
	for _, s := range c.servers {
		if s.state == "draining" {
			continue
		}
		for inc, l := range s.lives {
			switch l.State {
			case "starting", "running", "ready":
				all = append(all, inc)
			}
		}
	}
	return all
}
