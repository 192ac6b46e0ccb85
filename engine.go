package serverengine

import (
	"fmt"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/supervisor"
)

// engineOptions is what an engine actor is made of.
type engineOptions struct {
	app    App
	source Source
	guest  bool           // in a host program
	ready  *opened        // what Run has opened already; nil = the engine opens it itself
	caught *actors.Caught // signals; nil in a host program
	up     func()         // told once, when the server is ready for the first time; may be nil
	done   func(messages.Exit)
}

// opened is a loaded configuration and the house that goes with it.
type opened struct {
	cfg   Config
	house *house
}

// engine is the actor of the top process: it owns log, sockets, configuration and the
// wanted number of workers, and obeys whoever sends it a command.
//
//	opening ──▶ running ──Stop──▶ stopping ──ServerExited──▶ ended
type engine struct {
	engineOptions
	behavior actor.Behavior
	*house
	coming  *coming // the house, while it is being opened
	cfg     Config
	desk    desk // the configuration's version, and what waits for a load
	size    size
	server  *actor.PID // the server, or the supervisor
	events  *actor.PID // publishes
	asks    asks
	census  census
	stop    *messages.Stop
	ended   bool
	marked  sweepMark    // a restart of everybody is under way: who asks for which socket counts
	sweeper actors.Alarm // rings when new workers have had their time to ask for sockets
	alarm   actors.Alarm // bounds the wait for the last event
}

func engineProps(o engineOptions) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		e := &engine{engineOptions: o, behavior: actor.NewBehavior()}
		e.behavior.Become(e.opening)
		return e
	}, actor.WithSupervisor(actors.StopOnPanic()), actor.WithMailbox(newTellbox))
}

type (
	houseOpened struct {
		*opened
		err error
	}
	houseClosed struct{ err error }
)

// Receive is for protoactor. A panic here is a mistake of ours: everything below is
// stopped, and the status says so.
func (e *engine) Receive(ctx actor.Context) {
	defer func() {
		if r := recover(); r != nil {
			e.panicked(ctx, r)
		}
	}()
	switch ctx.Message().(type) {
	case *actor.Started:
		e.open(ctx)
	case *actor.Stopping:
		e.halt(ctx)
	case *actor.Stopped:
		e.abandon(ctx)
	default:
		e.behavior.Receive(ctx)
	}
}

// open loads the configuration and opens the house, unless Run has done so.
func (e *engine) open(ctx actor.Context) {
	if e.ready != nil {
		e.begin(ctx, *e.ready)
		return
	}
	e.coming = openFor(ctx, e.engineOptions)
}

func (e *engine) opening(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case houseOpened:
		e.coming.take()
		if m.err != nil {
			logrus.StandardLogger().Errorf("serverengine: %v", m.err)
			e.fail(ctx, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: m.err.Error()})
			return
		}
		e.begin(ctx, *m.opened)
		if early := e.stop; early != nil {
			e.stop = nil // it has not begun
			e.stopServer(ctx, *early)
		}
	case messages.Stop:
		if e.stop == nil || m.Mode > e.stop.Mode {
			e.stop = &m
		}
	case messages.GetStatus:
		ctx.Respond(messages.Status{Name: e.app.name(), Pid: os.Getpid(), State: "starting"})
	case *tells:
		m.take().refuse(ctx, "the engine is starting")
	case messages.Command:
		e.refuse(ctx, "the engine is starting")
	}
}

// begin starts the server.
func (e *engine) begin(ctx actor.Context, o opened) {
	e.house, e.cfg = o.house, o.cfg
	e.desk.version = 1
	e.size.loaded(e.cfg.Workers)
	e.census.begin(e.app.name(), e.cfg)
	for _, w := range e.cfg.Warnings() {
		e.log.Warn(w)
	}
	e.behavior.Become(e.running)
	e.events = ctx.Spawn(actors.NewPublisher(e.log))
	if e.caught != nil {
		ctx.Spawn(actors.NewSignals(e.caught, e.log))
	}
	body, err := config.Encode(e.cfg)
	if err != nil {
		panic(fmt.Sprintf("encode a configuration that was valid: %v", err))
	}
	e.log.WithField("workers", e.cfg.Workers).Infof("%s starts: worker_type %s", e.app.name(), e.cfg.WorkerType)
	if e.cfg.CommandSender == config.SenderPipe && !e.guest {
		go readWords(wordsInput(os.Stdin, e.log), ctx.ActorSystem().Root, ctx.Self(), e.log)
	}
	e.server = ctx.Spawn(e.keeper(ctx, messages.Configure{Version: e.desk.version, Body: body, Cause: messages.CauseStart}))
}

// keeper is the actor below the engine: the server, or the supervisor of server processes.
func (e *engine) keeper(ctx actor.Context, c messages.Configure) *actor.Props {
	if e.cfg.Supervisor {
		return supervisor.NewSupervisor(supervisorOptions(e.app, e.house, e.cfg, c))
	}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	code := &Server{log: e.log, cfg: e.cfg, host: e.house, send: func(c messages.Command) { root.Send(self, c) }}
	o := serverOptions(e.app, code, e.house, e.log, 1, e.cfg, c)
	o.Guest = e.guest
	return supervisor.NewServer(o)
}

func (e *engine) running(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *tells:
		e.tell(ctx, m.take())
	case messages.Reply:
		e.asks.reply(ctx, m) // for who asked, and nobody else
	case loaded:
		e.loaded(ctx, m)
	case logConfigured:
		e.logConfigured(ctx, m)
	case actors.Rang:
		if e.sweeper.Due(m) {
			e.house.sweep()
		}
	case expired:
		e.asks.expire(ctx, m.id)
	case *actor.Terminated:
		e.lost(ctx, m.Who)
	case supervisor.Leave:
		if err := e.house.leave(); err != nil {
			e.log.Warn(err)
		}
	case messages.Event:
		e.heard(ctx, m)
	case messages.Command:
		e.command(ctx, m)
	}
}

// command obeys one command, from a signal, a message or a worker's wish.
func (e *engine) command(ctx actor.Context, c messages.Command) {
	switch c := c.(type) {
	case messages.Stop:
		e.stopServer(ctx, c)
	case messages.Interrupt:
		e.interrupt(ctx, c.Terminal)
	case messages.LiveRestart:
		e.liveRestart(ctx)
	case messages.Restart:
		e.load(ctx, request{restart: &c})
	case messages.Reload:
		e.load(ctx, request{from: ctx.Sender()})
	case messages.Scale:
		e.scale(ctx, c.Workers)
	case messages.ScaleBy:
		e.scale(ctx, e.cfg.Workers+c.Delta)
	case messages.Dump:
		e.dump(ctx, c)
	case messages.GetStatus:
		ctx.Respond(e.status())
	case messages.Tell: // a worker's wish
		ctx.Send(ctx.Self(), c)
	case messages.Ask:
		e.ask(ctx, c)
	default:
		e.log.Warnf("the engine does not take %s", c)
	}
}

// interrupt is a live restart where one is possible and nobody typed the signal; else it
// stops, and the second one makes the stop immediate.
func (e *engine) interrupt(ctx actor.Context, terminal bool) {
	if e.stop == nil && !terminal && e.cfg.Supervisor && e.cfg.EnableDetach {
		e.liveRestart(ctx)
		return
	}
	mode := messages.Graceful
	if e.stop != nil {
		mode = messages.Immediate
	}
	e.stopServer(ctx, messages.Stop{Mode: mode, Reason: "interrupt"})
}

// liveRestart replaces the server process. Without a supervisor nobody could keep one
// server while another drains: it is a graceful stop, as in the seed.
func (e *engine) liveRestart(ctx actor.Context) {
	if !e.cfg.Supervisor || !e.cfg.EnableDetach {
		e.stopServer(ctx, messages.Stop{Mode: messages.Graceful, Reason: "live restart needs supervisor and enable_detach"})
		return
	}
	e.log.Info("live restart")
	e.mark(true)
	ctx.Send(e.server, messages.LiveRestart{})
}

func (e *engine) stopServer(ctx actor.Context, c messages.Stop) {
	// An immediate one that comes again goes down again: it ends the wait for AfterRun.
	if e.stop != nil && c.Mode <= e.stop.Mode && c.Mode != messages.Immediate {
		return
	}
	e.stop = &c
	e.census.state = "stopping"
	e.log.Infof("%s: %s", c, c.Reason)
	e.refuseLoads(ctx)
	ctx.Send(e.server, c)
}

// heard handles an event from below.
func (e *engine) heard(ctx actor.Context, m messages.Event) {
	e.census.note(m, time.Now())
	switch m := m.(type) {
	case messages.Requested:
		e.command(ctx, m.Command)
	case messages.ServerReady:
		if e.up != nil {
			e.up()
		}
	case messages.WorkerStarted:
		e.house.Started(m.Incarnation, m.Pid)
		e.house.births.note(m.Incarnation)
	case messages.RestartFinished:
		if m.Reason == "" {
			e.sweep(ctx)
		}
	case messages.WorkerExited:
		e.house.births.forget(m.Incarnation)
		e.house.release()
	case messages.ServerExited:
		e.house.births.forgetServer(m.Generation)
		if m.Generation == e.lastGeneration() {
			e.serverExited(ctx, m)
			return
		}
		e.house.release()
	}
	ctx.Send(e.events, m)
}

// lastGeneration is the one whose end is the end of all: that of the server in this
// process, or 0, which stands for all that a supervisor keeps.
func (e *engine) lastGeneration() int {
	if e.cfg.Supervisor {
		return 0
	}
	return 1
}

// lost handles the end of an actor of ours without last words: it panicked.
func (e *engine) lost(ctx actor.Context, who *actor.PID) {
	if e.server != nil && e.server.Equal(who) && !e.ended {
		e.serverExited(ctx, messages.ServerExited{Generation: e.lastGeneration(), Exit: messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "the server's actor ended"}})
	}
}
