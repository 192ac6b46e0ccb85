package supervisor

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// ServerOptions is what a server actor is made of.
type ServerOptions struct {
	Generation int
	// Spawn makes the actor of one incarnation that starts with a configuration. It must
	// not block.
	Spawn func(inc messages.Incarnation, image int, cfg config.Config, c messages.Configure) *actor.Props
	// Images opens and keeps the program files that lives run.
	Images Images
	// Timing is what a configuration says about the workers' processes.
	Timing func(config.Config) actors.Timing
	// Memory is how much memory of its own a process has, in bytes. It may block; nil =
	// worker_max_memory has no effect.
	Memory func(pid int) (int64, error)
	Hooks  Hooks
	Config config.Config
	Body   messages.Configure // the same, encoded, with its version
	Guest  bool               // this process belongs to another program
	Log    *logrus.Logger
}

// server is the actor that keeps the workers: the hands of the fleet.
//
//	preparing ──BeforeRun──▶ keeping ──finish──▶ closing ──AfterRun──▶ ended
type server struct {
	ServerOptions
	behavior actor.Behavior
	fleet    *fleet
	alarm    actors.Alarm
	kids     map[messages.Incarnation]*kid
	names    map[string]messages.Incarnation // of the kids' actors
	images   imageDesk
	hooks    hookLine
	stop     *messages.Stop    // that came before the fleet began
	again    *messages.Restart // likewise
	reloaded bool              // likewise
	exit     messages.Exit
	patience patience // with a hook that a stop waits for
	recycler recycler
	scale    *time.Timer // of the next look at the workers' memory
}

// kid is the hands' side of a life.
type kid struct {
	pid   *actor.PID
	image int
	ready bool
	told  bool
}

// NewServer returns the props of a server actor. It tells its parent the events of its
// workers, and ServerExited last.
func NewServer(o ServerOptions) *actor.Props {
	return actors.Guarded(fmt.Sprintf("server %d", o.Generation), o.Log, func() actor.Actor {
		s := &server{ServerOptions: o, behavior: actor.NewBehavior(), kids: map[messages.Incarnation]*kid{}, names: map[string]messages.Incarnation{}}
		s.images.images = o.Images
		s.fleet = newFleet(o.Generation, newPolicy(o.Config, o.Guest), rand.Float64)
		s.recycler.configure(o.Config)
		s.behavior.Become(s.preparing)
		return s
	})
}

type (
	prepared struct{ err error }
	afterRun struct{}
)

// Receive is for protoactor.
func (s *server) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		s.prepare(ctx)
	case *actor.Stopping:
		s.alarm.Stop()
		s.behavior.Become(s.ended)
		s.unschedule()
	case *actor.Stopped:
		s.Images.Keep(nil)
	default:
		s.behavior.Receive(ctx)
	}
}

// prepare opens the image of the first workers and runs BeforeRun.
func (s *server) prepare(ctx actor.Context) {
	root, self, images, hook := ctx.ActorSystem().Root, ctx.Self(), s.Images, s.Hooks.BeforeRun
	s.images.next = 1
	go func() {
		err := images.Open(0)
		if err == nil && hook != nil {
			err = guardHook("BeforeRun", hook)
		}
		root.Send(self, prepared{err})
	}()
}

func (s *server) preparing(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case prepared:
		s.patience = patience{}
		if m.err != nil {
			s.Log.Errorf("the server can't start: %v", m.err)
			s.close(ctx, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: m.err.Error()})
			return
		}
		s.behavior.Become(s.keeping)
		if s.reloaded {
			s.reloadHook()
		}
		if s.stop != nil {
			s.keepingStop(ctx, *s.stop) // nothing is started any more
			return
		}
		s.step(ctx, begin{})
		if s.again != nil {
			s.openImage(ctx, *s.again)
		}
		s.weigh(ctx)
	case messages.Stop:
		if s.stop == nil || m.Mode > s.stop.Mode {
			s.stop = &m
		}
		s.awaitBeforeRun(ctx, m.Mode)
	case actors.Rang:
		if s.alarm.Due(m) {
			s.lookAtHook(ctx)
		}
	case messages.Restart:
		if s.again != nil {
			s.up(ctx, messages.RestartFinished{Mode: s.again.Mode, ID: s.again.ID, Reason: superseded})
		}
		s.again = &m
	case messages.Configure:
		if s.configure(ctx, m) && m.Cause == messages.CauseReload {
			s.reloaded = true // its hook waits for BeforeRun
		}
	case actors.Mail, messages.Deliver:
		s.refuse(ctx, "no worker has started yet", mail(m)...)
	}
}

func (s *server) keeping(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case messages.Stop:
		s.keepingStop(ctx, m)
	case messages.Restart:
		s.openImage(ctx, m)
	case imageOpened:
		s.restart(ctx, m)
	case messages.Configure:
		if s.configure(ctx, m) && m.Cause == messages.CauseReload {
			s.reloadHook()
		}
		s.weigh(ctx)
	case messages.Dump, actors.Disown, actors.Kill:
		s.tellAll(ctx, m)
	case actors.Mail, messages.Deliver:
		s.deliver(ctx, mail(m))
	case actors.Rang:
		if s.alarm.Due(m) {
			s.step(ctx, tick{})
		}
	case *actor.Terminated:
		s.lost(ctx, m.Who)
	case weighNow:
		s.weigh(ctx)
	case weights:
		s.weighed(ctx, m)
	default:
		s.heard(ctx)
	}
}

func (s *server) keepingStop(ctx actor.Context, m messages.Stop) {
	again := s.fleet.stop != nil && m.Mode <= s.fleet.stop.mode
	if hook := s.Hooks.Stop; hook != nil && !again {
		s.background("Stop", func() error { hook(m.Mode); return nil })
	}
	s.step(ctx, stopAll{mode: m.Mode, reason: m.Reason})
}

func (s *server) logged(err error) {
	if err != nil {
		s.Log.Error(err)
	}
}

// heard handles what a worker's actor says.
func (s *server) heard(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case actors.ChildStarted:
		s.recycler.started(m.Incarnation, m.Pid)
		s.step(ctx, messages.WorkerStarted{Incarnation: m.Incarnation, Pid: m.Pid})
	case actors.ChildReady:
		if k := s.kids[m.Incarnation]; k != nil {
			k.ready = true
		}
		s.step(ctx, messages.WorkerReady{Incarnation: m.Incarnation})
	case actors.ChildFailing:
		s.failing(ctx, m)
	case actors.ChildSaid:
		s.said(ctx, m)
	case actors.ChildExited:
		s.gone(ctx, m)
	}
}

// failing says that a worker is being ended, or would be if it could.
func (s *server) failing(ctx actor.Context, m actors.ChildFailing) {
	if s.fleet.policy.killable {
		s.logOf(m.Incarnation).Errorf("worker is to be ended: %s", m.Why)
		return
	}
	s.logOf(m.Incarnation).Errorf("worker is stuck, and a goroutine can't be ended: %s", m.Why)
	s.up(ctx, messages.WorkerStuck{Incarnation: m.Incarnation})
}

func (s *server) said(ctx actor.Context, m actors.ChildSaid) {
	switch e := m.Event.(type) {
	case messages.ConfigSeen:
		e.Incarnation = m.Incarnation
		if e.Err != "" {
			s.step(ctx, recycle{inc: m.Incarnation, why: "its Reload failed: " + e.Err})
		}
		s.up(ctx, e)
	case messages.JobsDone:
		if why := s.recycler.jobsDone(m.Incarnation, e.N); why != "" {
			s.step(ctx, recycle{inc: m.Incarnation, why: why})
		}
	case messages.Closing:
		if k := s.kids[m.Incarnation]; k != nil {
			k.told = true
		}
		s.step(ctx, closing{m.Incarnation})
	case messages.Requested, messages.Reply:
		s.up(ctx, e)
	case messages.Progress:
	default:
		s.logOf(m.Incarnation).Debugf("a worker has no business to say %q", e)
	}
}

func (s *server) gone(ctx actor.Context, m actors.ChildExited) {
	k := s.kids[m.Incarnation]
	if k == nil {
		return
	}
	delete(s.kids, m.Incarnation)
	s.recycler.forget(m.Incarnation)
	if k.pid != nil {
		delete(s.names, k.pid.Id)
		ctx.Stop(k.pid)
	}
	s.step(ctx, exited{inc: m.Incarnation, exit: m.Exit})
	if k.image != s.fleet.image { // what the next start runs is kept in any case
		s.images.keep(s.fleet.images())
	}
}

// lost handles an actor that ended without last words: it panicked. Its process, if it
// had one, is being killed by procbridge.
func (s *server) lost(ctx actor.Context, who *actor.PID) {
	if inc, ours := s.names[who.Id]; ours {
		s.gone(ctx, actors.ChildExited{Incarnation: inc, Exit: messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "its actor ended"}})
	}
}

// openImage looks at the program's path again before a restart.
func (s *server) openImage(ctx actor.Context, m messages.Restart) {
	var before func()
	if hook := s.Hooks.Restart; hook != nil {
		done := s.background("Restart", func() error { hook(m.Mode); return nil })
		before = func() { <-done }
	}
	s.images.open(ctx, before, m)
}

func (s *server) restart(ctx actor.Context, m imageOpened) {
	s.images.opened(m)
	again := m.then.(messages.Restart)
	if m.err != nil {
		s.Log.Errorf("restart refused, the old workers go on: %v", m.err)
		s.up(ctx, messages.RestartFinished{Mode: again.Mode, ID: again.ID, Reason: m.err.Error()})
		return
	}
	s.step(ctx, restart{mode: again.Mode, image: m.n, id: again.ID})
	s.images.keep(s.fleet.images())
}

// configure takes a new configuration and passes it on. It reports whether it has.
func (s *server) configure(ctx actor.Context, m messages.Configure) bool {
	if m.Version <= s.Body.Version {
		return false
	}
	cfg, err := config.Decode(m.Body)
	if err != nil {
		s.Log.Errorf("%s: %v", m, err)
		return false
	}
	cfg.WorkerType = s.Config.WorkerType // of a server for life: see the key's reload tag
	timing := s.Timing(cfg)
	retime := timing != s.Timing(s.Config)
	s.Config, s.Body = cfg, m
	s.recycler.configure(cfg)
	if told := s.Hooks.Configured; told != nil {
		told(cfg)
	}
	if retime {
		s.tellAll(ctx, timing)
	}
	s.tellAll(ctx, m)
	s.step(ctx, configure{newPolicy(cfg, s.Guest)})
	return true
}

func (s *server) tellAll(ctx actor.Context, m any) {
	for _, k := range s.kids {
		if k.pid != nil {
			ctx.Send(k.pid, m)
		}
	}
}

func (s *server) up(ctx actor.Context, e messages.Event) { ctx.Send(ctx.Parent(), e) }

// step lets the mind decide and carries out what it says.
func (s *server) step(ctx actor.Context, in any) {
	for _, e := range s.fleet.step(time.Now(), in) {
		s.obey(ctx, e)
	}
	s.arm(ctx)
}

func (s *server) obey(ctx actor.Context, e effect) {
	switch e := e.(type) {
	case startLife:
		s.startLife(ctx, e)
	case tellLife:
		s.tell(ctx, e.inc, e.stop)
	case killLife:
		s.tell(ctx, e.inc, actors.Kill{})
	case report:
		s.report(ctx, e.event)
	case remark:
		remarkTo(s.Log, e)
	case finish:
		s.finish(ctx, e)
	}
}

// tell sends a life what ends it.
func (s *server) tell(ctx actor.Context, inc messages.Incarnation, m any) {
	if k := s.kids[inc]; k != nil && k.pid != nil {
		k.told = true
		ctx.Send(k.pid, m)
	}
}

func (s *server) startLife(ctx actor.Context, e startLife) {
	pid, err := ctx.SpawnNamed(s.Spawn(e.inc, e.image, s.Config, s.Body), "worker-"+e.inc.String())
	if err != nil {
		// The name is the incarnation's and never used twice: this is a mistake of ours.
		s.logOf(e.inc).Errorf("worker actor: %v", err)
		s.kids[e.inc] = &kid{image: e.image}
		ctx.Send(ctx.Self(), actors.ChildExited{Incarnation: e.inc, Exit: messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: err.Error()}})
		return
	}
	s.kids[e.inc], s.names[pid.Id] = &kid{pid: pid, image: e.image}, e.inc
	s.recycler.born(e.inc)
}

func (s *server) finish(ctx actor.Context, e finish) {
	for _, inc := range e.abandoned {
		s.logOf(inc).Warn("a goroutine worker can't be ended: it goes down with the process")
	}
	s.close(ctx, e.exit)
}
