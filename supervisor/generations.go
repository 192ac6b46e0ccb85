package supervisor

import (
	"fmt"
	"slices"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// generations is the mind of the supervisor actor: it decides which server processes run.
// Like the fleet it has no clock, no I/O and no actor in it.
//
//	current: starting ──ready──▶ ready ──live restart──▶ draining ──▶ gone
//	next:    the replacement in a live restart, until it is ready and becomes current
//
// Invariants: at most one generation is wanted, and beside it at most its replacement and
// old ones that drain, together at most max_generations; news of a generation that is gone
// changes nothing; after stop nothing is started.
type generations struct {
	policy genPolicy
	rnd    func() float64

	last    int // number of the newest generation
	image   int // a crash is repaired with it
	current *generation
	next    *generation
	old     []*generation // draining, oldest first

	begun     bool
	lastStart time.Time
	due       time.Time   // of the next start of current; zero = none
	after     *generation // whose exit makes due come at once; nil = none
	nextDue   time.Time   // of the next start of next; zero = none
	nextImage int
	reopen    bool           // nextDue is of a retry: it starts what is at the program's path then
	opening   bool           // that is being opened
	again     *int           // image of a live restart asked for during one
	replacing *messages.Mode // of a restart, old one first, whose new server is not ready yet
	history   history
	stop      *genStop
	leaving   bool // exit_on_detach: nothing is started any more
	finished  bool
	out       []effect
	now       time.Time
}

// genPolicy is what the mind needs of a configuration.
type genPolicy struct {
	restartWait  time.Duration // least time from one start to the next
	detachWait   time.Duration // old_first: how long the new server waits for the old one
	newFirst     bool
	exitOnDetach bool
	drainTimeout time.Duration // negative = none
	max          int
	readyTimeout time.Duration // of a replacement; negative = none
	stopTimeout  time.Duration
	restart      policy // back-off, and which exit codes end the tree
}

func newGenPolicy(c config.Config) genPolicy {
	p := genPolicy{
		restartWait: c.ServerRestartWait, detachWait: c.ServerDetachWait,
		newFirst: c.LiveRestartOrder == config.NewFirst, exitOnDetach: c.ExitOnDetach,
		drainTimeout: c.ServerDrainTimeout, max: max(2, c.MaxGenerations), stopTimeout: c.StopTimeout,
		readyTimeout: c.WorkerReadyTimeout,
		restart:      newPolicy(c, false),
	}
	if p.readyTimeout >= 0 { // the server's workers start one after another
		each := time.Duration(float64(c.StartWorkerDelay) * (1 + c.StartWorkerDelayRand))
		p.readyTimeout += time.Duration(c.Workers) * each
	}
	// A server that can't be kept up is tried again for ever: its supervisor has nobody to
	// hand the problem to but those who read the log.
	p.restart.maxRestarts, p.restart.restartInterval = 0, 0
	return p
}

type generation struct {
	number int
	image  int
	pid    int
	ready  bool
	// replaces is the mode of the restart that started it: nil = it repairs a crash, or is
	// the first one.
	replaces *messages.Mode
	began    time.Time
	readyAt  time.Time
	told     *messages.Mode
	why      string
	drainBy  time.Time
	readyBy  time.Time
}

// Effects of their own; report, remark and finish are the fleet's.
type (
	startServer struct{ number, image int }
	tellServer  struct {
		number int
		stop   messages.Stop
	}
	killServer struct{ number int }
	// openNext asks for what is at the program's path now: nextOpened is the answer.
	openNext struct{}
	// leave says that the supervisor keeps nothing any more: listeners are closed and the
	// pid file is freed, while the old server drains.
	leave struct{}
)

// Inputs of their own.
type (
	genConfigure struct{ policy genPolicy }
	liveRestart  struct{ image int }
	nextOpened   struct {
		image int
		err   error
	}
	restartServer struct {
		mode  messages.Mode
		image int
	}
	// restartStart is a restart of workers that nobody has: the next server is to be new.
	restartStart struct {
		mode  messages.Mode
		image int
	}
	// genImage says that the workers of a server run an image now: its crash is repaired with it.
	genImage   struct{ number, image int }
	genStarted struct{ number, pid int }
	genReady   struct{ number int }
	genExited  struct {
		number int
		exit   messages.Exit
	}
)

func newGenerations(p genPolicy, rnd func() float64) *generations {
	return &generations{policy: p, rnd: rnd}
}

func (g *generations) step(now time.Time, in any) []effect {
	g.now, g.out = now, nil
	if g.finished {
		return nil
	}
	switch in := in.(type) {
	case begin:
		g.begun, g.image, g.due = true, in.image, now
	case genConfigure:
		g.policy = in.policy
		g.limitTo(g.policy.max)
	case liveRestart:
		g.live(in.image)
	case nextOpened:
		g.nextOpened(in)
	case restartServer:
		g.restart(in)
	case restartStart:
		g.restartStart(in.mode, in.image)
	case genImage:
		g.workersRun(in)
	case genStarted:
		g.started(in)
	case genReady:
		g.ready(in.number)
	case genExited:
		g.exited(in)
	case stopAll:
		g.stopAll(in.mode, in.reason, messages.Exit{Cause: messages.ExitReturned})
	case tick:
	}
	g.settle()
	return g.out
}

func (g *generations) do(e effect) { g.out = append(g.out, e) }

func (g *generations) say(level, text string) { g.do(remark{level: level, text: text}) }

// all lists the generations that have not exited.
func (g *generations) all() []*generation {
	list := slices.Clone(g.old)
	for _, one := range []*generation{g.current, g.next} {
		if one != nil {
			list = append(list, one)
		}
	}
	return list
}

func (g *generations) find(number int) *generation {
	for _, one := range g.all() {
		if one.number == number {
			return one
		}
	}
	return nil
}

// settle does what has become due.
func (g *generations) settle() {
	passed := func(t time.Time) bool { return !t.IsZero() && !g.now.Before(t) }
	for _, one := range g.all() {
		if passed(one.drainBy) {
			one.drainBy = time.Time{}
			g.say("warn", fmt.Sprintf("server_drain_timeout is over: server %d is ended", one.number))
			g.tell(one, messages.Immediate, "server_drain_timeout")
		}
		if passed(one.readyBy) {
			one.readyBy = time.Time{}
			g.notReady(one)
		}
	}
	if g.stop == nil && !g.leaving {
		if g.current == nil && passed(g.due) {
			g.due, g.after = time.Time{}, nil
			g.current = g.start(g.image)
			g.current.replaces = g.replacing
		}
		if g.next == nil && g.current != nil && passed(g.nextAt()) {
			g.startNext()
		}
	}
	g.checkStop()
	if len(g.all()) == 0 && (g.stop != nil || g.leaving) {
		g.finished = true
		exit := messages.Exit{Cause: messages.ExitReturned}
		if g.stop != nil {
			exit = g.stop.exit
		}
		g.do(finish{exit: exit})
	}
}

// next is when step wants to be called with a tick at the latest; zero = never.
func (g *generations) wakeup() time.Time {
	var first time.Time
	want := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if g.finished {
		return first
	}
	if g.stop == nil && !g.leaving {
		if g.current == nil {
			want(g.due)
		} else if g.next == nil {
			want(g.nextAt())
		}
	}
	for _, one := range g.all() {
		want(one.drainBy)
		want(one.readyBy)
	}
	if g.stop != nil {
		want(g.stop.remindAt)
		want(g.stop.by)
	}
	return first
}

func (g *generations) start(image int) *generation {
	g.makeRoom()
	g.last++
	one := &generation{number: g.last, image: image, began: g.now}
	g.lastStart = g.now
	g.do(startServer{number: one.number, image: image})
	return one
}

// tell sends a Stop, unless one at least as urgent was sent before.
func (g *generations) tell(one *generation, mode messages.Mode, why string) {
	if one.told != nil && *one.told >= mode {
		return
	}
	one.told, one.why, one.readyBy, one.drainBy = &mode, why, time.Time{}, time.Time{}
	if mode == messages.Graceful && g.policy.drainTimeout >= 0 && g.stop == nil {
		one.drainBy = g.now.Add(g.policy.drainTimeout)
	}
	g.do(tellServer{number: one.number, stop: messages.Stop{Mode: mode, Reason: why}})
}

// retire moves a generation to the old ones and tells it to stop.
func (g *generations) retire(one *generation, mode messages.Mode, why string) {
	if g.current == one {
		g.current = nil
	}
	if g.next == one {
		g.next = nil
	}
	g.old = append(g.old, one)
	g.tell(one, mode, why)
}

func (g *generations) started(in genStarted) {
	if one := g.find(in.number); one != nil {
		one.pid = in.pid
		g.do(report{messages.ServerStarted{Generation: in.number, Pid: in.pid}})
	}
}

func (g *generations) ready(number int) {
	one := g.find(number)
	if one == nil || one.ready {
		return
	}
	one.ready, one.readyAt, one.readyBy = true, g.now, time.Time{}
	g.do(report{messages.ServerReady{Generation: number}})
	switch one {
	case g.next:
		old := g.current
		g.current, g.next = one, nil
		g.retire(old, messages.Graceful, fmt.Sprintf("live restart: server %d is ready", number))
		g.tookOver(one)
	case g.current:
		g.tookOver(one)
	}
}

func (g *generations) exited(in genExited) {
	one := g.find(in.number)
	if one == nil {
		return
	}
	expected := one.told != nil
	g.do(report{messages.ServerExited{Generation: one.number, Pid: one.pid, Exit: in.exit, Expected: expected}})
	g.old = slices.DeleteFunc(g.old, func(o *generation) bool { return o == one })
	switch one {
	case g.next:
		g.next = nil
		if g.stop == nil && !expected {
			g.retryNext(in.exit.String())
		}
	case g.current:
		g.current = nil
		if g.stop == nil {
			g.crashed(one, in.exit)
		}
	default:
		if one == g.after && g.stop == nil {
			g.after, g.due = nil, g.earliest()
		}
	}
}

// earliest is when the next server may start: server_restart_wait after the last start.
func (g *generations) earliest() time.Time {
	return later(g.now, g.lastStart.Add(g.policy.restartWait))
}

// crashed handles the end of the current server that nobody had told to end.
func (g *generations) crashed(one *generation, e messages.Exit) {
	if g.next != nil { // its replacement is on the way
		g.current, g.next = g.next, nil
		g.current.readyBy = time.Time{}
		return
	}
	var readyFor time.Duration
	if !one.readyAt.IsZero() {
		readyFor = max(1, g.now.Sub(one.readyAt))
	}
	d := g.history.decide(g.now, g.policy.restart, e.Code, hasCode(e), readyFor, g.rnd())
	if d.action == endSlot {
		g.stopAll(messages.Graceful, "the server ended unrecoverably", e)
		return
	}
	g.due = later(g.earliest(), g.now.Add(d.after))
	if one.replaces != nil && one.image != g.image && !one.ready { // it was a replacement: what served before it repairs the crash
		g.retryAt(g.due, e.String())
	}
}

// images lists the images that a start may still need or that something runs.
func (g *generations) images() map[int]bool {
	used := map[int]bool{g.image: true}
	for _, one := range g.all() {
		used[one.image] = true
	}
	if !g.nextDue.IsZero() && !g.reopen {
		used[g.nextImage] = true
	}
	if g.again != nil {
		used[*g.again] = true
	}
	return used
}
