package serverengine

import (
	"cmp"
	"os"
	"slices"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// census is what the top knows of everybody below, from events alone.
type census struct {
	name     string
	state    string
	typ      string
	version  uint64
	wanted   int
	restarts string
	servers  map[int]*serverEntry
}

type serverEntry struct {
	pid     int
	state   string
	lives   map[messages.Incarnation]*lifeEntry
	waiting map[int]messages.Incarnation // the last life of a slot that has none now
}

type lifeEntry struct {
	messages.WorkerStatus
	born, since time.Time
}

func (c *census) begin(name string, cfg Config) {
	c.name, c.state, c.servers = name, "starting", map[int]*serverEntry{}
	c.configured(cfg, 1)
}

func (c *census) configured(cfg Config, version uint64) {
	c.version, c.wanted, c.typ = version, cfg.Workers, string(cfg.WorkerType)
	for _, s := range c.servers {
		for inc, l := range s.lives {
			if c.unwanted(inc) && (l.State == "waiting" || l.State == "failed") {
				s.forget(inc)
			}
		}
	}
}

// unwanted reports whether a life's slot is beyond the wanted number: nothing starts there.
func (c *census) unwanted(inc messages.Incarnation) bool { return inc.Slot >= c.wanted }

func (c *census) server(generation int) *serverEntry {
	s := c.servers[generation]
	if s == nil {
		s = &serverEntry{pid: os.Getpid(), state: "starting", lives: map[messages.Incarnation]*lifeEntry{}, waiting: map[int]messages.Incarnation{}}
		c.servers[generation] = s
	}
	return s
}

// note takes an event into account.
func (c *census) note(e messages.Event, now time.Time) {
	switch e := e.(type) {
	case messages.WorkerStarted:
		c.started(e, now)
	case messages.WorkerReady:
		c.move(e.Incarnation, "ready", "", now)
	case messages.WorkerStopping:
		c.move(e.Incarnation, "stopping", e.Reason, now)
	case messages.WorkerStuck:
		c.move(e.Incarnation, "stuck", "does not end", now)
	case messages.WorkerExited:
		c.exited(e, now)
	case messages.ConfigSeen:
		if l := c.server(e.Incarnation.Generation).lives[e.Incarnation]; l != nil {
			l.ConfigVersion = e.Version
		}
	case messages.RestartFinished:
		c.restarts = e.String()
	case messages.ServerReady:
		c.server(e.Generation).state = "ready"
		if c.state == "starting" {
			c.state = "running"
		}
	case messages.ServerStarted:
		c.server(e.Generation).pid = e.Pid
	case messages.ServerStopping:
		c.server(e.Generation).state = "draining"
	case messages.ServerExited:
		delete(c.servers, e.Generation)
	}
}

func (c *census) started(e messages.WorkerStarted, now time.Time) {
	s := c.server(e.Incarnation.Generation)
	l := &lifeEntry{born: now, since: now}
	l.WorkerStatus = messages.WorkerStatus{Incarnation: e.Incarnation, Pid: e.Pid, State: "starting", ConfigVersion: c.version}
	if old := s.lives[s.waiting[e.Incarnation.Slot]]; old != nil {
		l.Restarts, l.LastExit = old.Restarts, old.LastExit
		s.forget(old.Incarnation)
	}
	s.lives[e.Incarnation] = l
}

// forget drops an entry that waits.
func (s *serverEntry) forget(waits messages.Incarnation) {
	delete(s.lives, waits)
	delete(s.waiting, waits.Slot)
}

func (c *census) move(inc messages.Incarnation, state, why string, now time.Time) {
	if l := c.server(inc.Generation).lives[inc]; l != nil {
		l.State, l.Reason, l.since = state, why, now
	}
}

// exited keeps the entry of a slot that waits for its next start, or has ended for good.
func (c *census) exited(e messages.WorkerExited, now time.Time) {
	s := c.server(e.Incarnation.Generation)
	l := s.lives[e.Incarnation]
	if l == nil {
		l = &lifeEntry{born: now}
		l.Incarnation = e.Incarnation
	}
	if c.unwanted(e.Incarnation) || e.Next < 0 && (e.Expected || slotLives(s.lives, e.Incarnation)) {
		delete(s.lives, e.Incarnation)
		return
	}
	l.State, l.Reason, l.since, l.Pid = "waiting", "next start in "+e.Next.Round(time.Millisecond).String(), now, 0
	l.Restarts, l.LastExit = e.Restarts, e.Exit.String()
	s.lives[e.Incarnation] = l
	if e.Next < 0 {
		l.State, l.Reason = "failed", "not started again"
	}
	if last, waits := s.waiting[e.Incarnation.Slot]; waits && last != e.Incarnation {
		s.forget(last)
	}
	s.waiting[e.Incarnation.Slot] = e.Incarnation
}

// slotLives reports whether the slot of a life that has ended has another one: the end of
// a replacement, or of a worker whose replacement is there, is not that of the slot.
func slotLives(lives map[messages.Incarnation]*lifeEntry, ended messages.Incarnation) bool {
	for inc, l := range lives {
		if inc.Slot == ended.Slot && inc != ended && l.State != "waiting" && l.State != "failed" && l.State != "stopping" {
			return true
		}
	}
	return false
}

// status is the answer to GetStatus.
func (e *engine) status() messages.Status {
	c := &e.census
	s := messages.Status{
		Name: c.name, Pid: os.Getpid(), State: c.state, ConfigVersion: c.version, WorkerType: c.typ, Wanted: c.wanted,
		LastRestart: c.restarts, LastReload: e.desk.refusal, LostLogLines: e.writer.Lost(), LateReplies: e.asks.dropped,
	}
	now := time.Now()
	for generation, entry := range c.servers {
		server := messages.ServerStatus{Generation: generation, Pid: entry.pid, State: entry.state}
		for _, l := range entry.lives {
			w := l.WorkerStatus
			w.Since, w.Age = now.Sub(l.since), now.Sub(l.born)
			if w.State == "ready" {
				s.Ready++
			}
			server.Workers = append(server.Workers, w)
		}
		slices.SortFunc(server.Workers, func(a, b messages.WorkerStatus) int {
			return cmp.Or(cmp.Compare(a.Incarnation.Slot, b.Incarnation.Slot), cmp.Compare(a.Incarnation.Life, b.Incarnation.Life))
		})
		s.Servers = append(s.Servers, server)
	}
	slices.SortFunc(s.Servers, func(a, b messages.ServerStatus) int { return cmp.Compare(a.Generation, b.Generation) })
	return s
}
