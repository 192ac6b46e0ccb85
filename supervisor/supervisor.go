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

// SupervisorOptions is what a supervisor actor is made of.
type SupervisorOptions struct {
	// Spawn makes the proxy of a generation's server process. It must not block.
	Spawn  func(generation, image int, cfg config.Config, c messages.Configure) *actor.Props
	Images Images
	Timing func(config.Config) actors.Timing // of the server process
	// Started is told the pid of each server process, in a goroutine of its own; may be nil.
	Started func(pid int)
	Config  config.Config
	Body    messages.Configure
	Log     *logrus.Logger
}

// supervisor is the actor that keeps one server process: the hands of generations.
//
//	preparing ──image opened──▶ keeping ──finish──▶ ended
type supervisor struct {
	SupervisorOptions
	behavior actor.Behavior
	mind     *generations
	alarm    actors.Alarm
	servers  map[int]*actor.PID
	images   imageDesk
	restarts []workersRestart // under way
	stop     *messages.Stop
	early    []any // commands that came before the first server was started, in their order
}

// LiveRestart and RestartServer are commands of the engine to its supervisor.
type (
	// Leave tells the engine that the supervisor keeps nothing any more (exit_on_detach).
	Leave struct{}
	// RestartServer replaces the server process, the old one first.
	RestartServer struct{ Mode messages.Mode }
)

// NewSupervisor returns the props of a supervisor actor. It tells its parent the events of
// its servers and of their workers, and ServerExited of generation 0 last.
func NewSupervisor(o SupervisorOptions) *actor.Props {
	return actors.Guarded("supervisor", o.Log, func() actor.Actor {
		s := &supervisor{SupervisorOptions: o, behavior: actor.NewBehavior(), servers: map[int]*actor.PID{}}
		s.images.images = o.Images
		s.mind = newGenerations(newGenPolicy(o.Config), rand.Float64)
		s.behavior.Become(s.preparing)
		return s
	})
}

// what to do with an image once it is open.
type (
	forBegin       struct{}
	forLiveRestart struct{}
	forNext        struct{} // a live restart is tried again
	forWorkers     struct{ restart messages.Restart }
	forServer      struct{ mode messages.Mode }
)

// Receive is for protoactor.
func (s *supervisor) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		s.openImage(ctx, forBegin{})
	case *actor.Stopping:
		s.alarm.Stop()
		s.behavior.Become(s.ended)
	case *actor.Stopped:
		s.Images.Keep(nil)
	default:
		s.behavior.Receive(ctx)
	}
}

func (s *supervisor) preparing(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case imageOpened:
		s.images.opened(m)
		s.behavior.Become(s.keeping)
		if m.err != nil {
			s.Log.Errorf("the supervisor can't start a server: %v", m.err)
			s.finish(ctx, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: m.err.Error()})
			return
		}
		if s.stop != nil { // nothing is started only to be ended
			s.step(ctx, stopAll{mode: s.stop.Mode, reason: s.stop.Reason})
			return
		}
		s.step(ctx, begin{})
		s.catchUp(ctx)
	case messages.Restart, RestartServer, messages.LiveRestart, messages.Dump:
		s.early = append(s.early, m)
	case messages.Stop:
		if s.stop == nil || m.Mode > s.stop.Mode {
			s.stop = &m
		}
	case messages.Configure:
		s.configure(ctx, m)
	case actors.Mail, messages.Deliver:
		s.refuse(ctx, mail(m))
	}
}

func (s *supervisor) keeping(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case messages.Stop:
		s.step(ctx, stopAll{mode: m.Mode, reason: m.Reason})
	case messages.Restart:
		s.openImage(ctx, forWorkers{m})
	case RestartServer:
		s.openImage(ctx, forServer{m.Mode})
	case messages.LiveRestart:
		s.openImage(ctx, forLiveRestart{})
	case imageOpened:
		s.opened(ctx, m)
	case messages.Configure:
		s.configure(ctx, m)
	case messages.Dump:
		for _, pid := range s.servers {
			ctx.Send(pid, m)
		}
	case actors.Mail, messages.Deliver:
		s.deliver(ctx, mail(m))
	case actors.Rang:
		if s.alarm.Due(m) {
			s.step(ctx, tick{})
		}
	case *actor.Terminated:
		s.lost(ctx, m.Who)
	default:
		s.heard(ctx)
	}
}

func (s *supervisor) heard(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case actors.ChildStarted:
		s.step(ctx, genStarted{number: m.Incarnation.Generation, pid: m.Pid})
	case actors.ChildReady:
		s.step(ctx, genReady{number: m.Incarnation.Generation})
	case actors.ChildFailing:
		s.logOf(m.Incarnation.Generation).Errorf("server is to be ended: %s", m.Why)
	case actors.ChildSaid:
		s.said(ctx, m.Incarnation.Generation, m.Event)
	case actors.ChildExited:
		s.gone(ctx, m.Incarnation.Generation, m.Exit)
	}
}

// said passes on what a server process says of its workers.
func (s *supervisor) said(ctx actor.Context, number int, e messages.Event) {
	switch e := e.(type) {
	case messages.RestartFinished:
		s.workersRestarted(ctx, number, e)
		return
	case messages.Closing, messages.Progress, messages.JobsDone:
		return
	}
	s.up(ctx, e)
}

// isCurrent tells the server that serves from one that drains or has not taken over yet.
func (s *supervisor) isCurrent(number int) bool {
	return s.mind.current != nil && s.mind.current.number == number
}

func (s *supervisor) gone(ctx actor.Context, number int, exit messages.Exit) {
	pid := s.servers[number]
	if pid == nil {
		return
	}
	delete(s.servers, number)
	ctx.Stop(pid)
	s.restartsGone(ctx, number)
	s.step(ctx, genExited{number: number, exit: exit})
	s.keepImages()
}

// lost handles a proxy that ended without last words: it panicked, and procbridge kills
// its process.
func (s *supervisor) lost(ctx actor.Context, who *actor.PID) {
	for number, pid := range s.servers {
		if pid.Equal(who) {
			s.gone(ctx, number, messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "its actor ended"})
			return
		}
	}
}

// openImage looks at the program's path again, and then does something with what is there.
func (s *supervisor) openImage(ctx actor.Context, then any) {
	if s.mind.stop == nil {
		s.images.open(ctx, nil, then)
	}
}

func (s *supervisor) opened(ctx actor.Context, m imageOpened) {
	s.images.opened(m)
	if _, retry := m.then.(forNext); retry {
		s.step(ctx, nextOpened{image: m.n, err: m.err})
		s.keepImages()
		return
	}
	if m.err != nil {
		s.Log.Errorf("restart refused, everything goes on: %v", m.err)
		s.up(ctx, messages.RestartFinished{Reason: m.err.Error()})
		return
	}
	switch then := m.then.(type) {
	case forLiveRestart:
		s.step(ctx, liveRestart{image: m.n})
	case forServer:
		s.step(ctx, restartServer{mode: then.mode, image: m.n})
	case forWorkers:
		s.restartWorkers(ctx, then.restart, m.n)
	}
	s.keepImages()
}

func (s *supervisor) configure(ctx actor.Context, m messages.Configure) {
	if m.Version <= s.Body.Version {
		return
	}
	cfg, err := config.Decode(m.Body)
	if err != nil {
		s.Log.Errorf("%s: %v", m, err)
		return
	}
	timing := s.Timing(cfg)
	retime := timing != s.Timing(s.Config)
	s.Config, s.Body = cfg, m
	for _, one := range s.mind.all() {
		if retime {
			s.send(ctx, one.number, timing)
		}
		s.send(ctx, one.number, m)
	}
	s.step(ctx, genConfigure{newGenPolicy(cfg)})
}

// deliver passes users' messages to the server that has the ready workers.
func (s *supervisor) deliver(ctx actor.Context, m actors.Mail) {
	if s.mind.current == nil {
		s.refuse(ctx, m)
		return
	}
	s.send(ctx, s.mind.current.number, m)
}

func (s *supervisor) refuse(ctx actor.Context, all actors.Mail) {
	for _, d := range all {
		if d.ID == 0 {
			s.Log.Warnf("a message to slot %d is dropped: no server is running", d.Slot)
			continue
		}
		s.up(ctx, messages.Reply{ID: d.ID, Err: "no server is running"})
	}
}

func (s *supervisor) send(ctx actor.Context, number int, m any) {
	if pid := s.servers[number]; pid != nil {
		ctx.Send(pid, m)
	}
}

func (s *supervisor) up(ctx actor.Context, e messages.Event) { ctx.Send(ctx.Parent(), e) }

func (s *supervisor) step(ctx actor.Context, in any) {
	for _, e := range s.mind.step(time.Now(), in) {
		s.obey(ctx, e)
	}
	s.alarm.Set(ctx, s.mind.wakeup())
}

func (s *supervisor) obey(ctx actor.Context, e effect) {
	switch e := e.(type) {
	case startServer:
		s.startServer(ctx, e)
	case tellServer:
		s.logOf(e.number).Infof("server told to stop (%s): %s", e.stop.Mode, e.stop.Reason)
		s.send(ctx, e.number, e.stop)
		s.up(ctx, messages.ServerStopping{Generation: e.number, Mode: e.stop.Mode, Reason: e.stop.Reason})
	case killServer:
		s.send(ctx, e.number, actors.Kill{})
	case openNext:
		s.openImage(ctx, forNext{})
	case report:
		s.report(ctx, e.event)
	case remark:
		remarkTo(s.Log, e)
	case leave:
		ctx.Send(ctx.Parent(), Leave{})
	case finish:
		s.finish(ctx, e.exit)
	}
}

func (s *supervisor) startServer(ctx actor.Context, e startServer) {
	pid, err := ctx.SpawnNamed(s.Spawn(e.number, e.image, s.Config, s.Body), fmt.Sprintf("server-%d", e.number))
	if err != nil {
		// The number is never used twice: this is a mistake of ours.
		panic(fmt.Sprintf("server actor: %v", err))
	}
	s.servers[e.number] = pid
}

func (s *supervisor) finish(ctx actor.Context, exit messages.Exit) {
	s.alarm.Stop()
	s.behavior.Become(s.ended)
	s.up(ctx, messages.ServerExited{Exit: exit, Expected: s.mind.stop != nil})
}

func (s *supervisor) ended(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case actors.Mail, messages.Deliver:
		s.refuse(ctx, mail(m))
	}
}

func (s *supervisor) logged(err error) {
	if err != nil {
		s.Log.Error(err)
	}
}

func (s *supervisor) logOf(number int) *logrus.Entry {
	return s.Log.WithField("generation", number)
}

func (s *supervisor) report(ctx actor.Context, e messages.Event) {
	switch e := e.(type) {
	case messages.ServerStarted:
		s.logOf(e.Generation).WithField("server_pid", e.Pid).Info("server started")
		if hook := s.Started; hook != nil {
			go func() { s.logged(guardHook("ServerStarted", func() error { hook(e.Pid); return nil })) }()
		}
	case messages.ServerReady:
		s.logOf(e.Generation).Debug("server process ready")
	case messages.ServerExited:
		s.logExited(e)
	case messages.RestartFinished:
		if e.Reason == "" {
			s.Log.Infof("%s restart of the server: the new one has taken over", e.Mode)
		}
	}
	s.up(ctx, e)
}

func (s *supervisor) logExited(e messages.ServerExited) {
	entry := s.logOf(e.Generation).WithFields(logrus.Fields{"server_pid": e.Pid, "cause": string(e.Exit.Cause)})
	if e.Expected || e.Exit.Ok() { // a stop of its own, by a signal to its pid, is no accident
		entry.Infof("server exited: %s", e.Exit)
		return
	}
	entry.Errorf("server exited unexpectedly: %s", e.Exit)
}
