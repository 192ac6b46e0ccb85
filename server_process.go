package serverengine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
	"github.com/serverengine/serverengine-go/supervisor"
	"github.com/serverengine/serverengine-go/workers"
)

// serverProcess is the engine actor of a server process under a supervisor. It owns
// nothing but its workers: log, sockets and configuration are the top's.
//
//	running ──Stop, or the parent is gone──▶ stopping ──ServerExited──▶ ended
type serverProcess struct {
	serverStart
	uplink *actor.PID
	server *actor.PID
	alarm  actors.Alarm // ends an orphan
	stop   *messages.Stop
	orphan bool
}

// serverStart is what a server process has before its actors.
type serverStart struct {
	app    App
	parent *procbridge.Parent
	caught *actors.Caught
	begin  messages.Begin
	cfg    Config
	log    *logrus.Logger
	pipe   *logging.PipeWriter
	top    *remoteTop
	done   func(int)
}

// flushWait bounds how long a process that exits waits for its last frames to be taken.
const flushWait = 500 * time.Millisecond

// runServerProcess is the whole of a server process: it returns the exit code.
func runServerProcess(parent *procbridge.Parent, app App) int {
	caught, err := actors.Catch(messages.ServerSignals())
	if err != nil {
		return complain(err)
	}
	defer caught.Release()
	if err := parent.Hello(workers.Build); err != nil {
		return 1 // the parent is gone: there is nobody to tell
	}
	begin, ok := awaitBegin(parent)
	if !ok {
		return 0
	}
	ended := make(chan int, 1)
	start := serverStart{app: app, parent: parent, caught: caught, begin: begin, done: func(code int) { ended <- code }}
	if err := start.open(); err != nil {
		fmt.Fprintf(os.Stderr, "server %s: %v\n", begin.Incarnation, err)
		return 1
	}
	cmap.SHARD_COUNT = 1 // as in runTop
	system := newSystem(start.log)
	system.Root.Spawn(actors.Guarded("server process", start.log, func() actor.Actor { return &serverProcess{serverStart: start} }))
	code := <-ended
	_ = parent.Flush(flushWait) // who does not read for so long is gone
	return code
}

// awaitBegin waits for the first command. ok is false when the server is not to begin.
func awaitBegin(parent *procbridge.Parent) (b messages.Begin, ok bool) {
	for m := range parent.Commands() {
		switch m := m.(type) {
		case messages.Begin:
			return m, true
		case messages.Stop:
			return b, false
		}
	}
	return b, false
}

func (s *serverStart) open() (err error) {
	if s.cfg, err = config.Decode(s.begin.Config); err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	s.pipe = logging.NewPipeWriter(s.parent.File(workers.FileLog), s.cfg.Log)
	if err := s.pipe.SetFormat(string(s.cfg.LogFormat)); err != nil {
		return err
	}
	s.log = logging.NewLogger(logging.LoggerOptions{Out: s.pipe, Level: s.cfg.LogLevel, Format: string(s.cfg.LogFormat)})
	if s.cfg.ServerProcessName != "" { // the program's arguments stand behind it until now
		if err := procbridge.SetTitle(s.cfg.ServerProcessName); err != nil {
			s.log.Debugf("server_process_name: %v", err)
		}
	}
	client, err := sockets.FromFile(s.parent.File(workers.FileTop))
	if err != nil {
		return fmt.Errorf("connect to the top process: %w", err)
	}
	s.top = &remoteTop{client: client}
	return nil
}

// Receive is for protoactor.
func (s *serverProcess) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case actors.Orphaned:
		s.orphaned(ctx)
	case actors.Rang:
		if s.alarm.Due(m) {
			s.endOrphan(ctx)
		}
	case houseClosed:
		s.done(1)
	case *actor.Terminated:
		if s.server.Equal(m.Who) {
			s.done(2) // it panicked: it is in the log
		}
	case messages.Event:
		s.event(ctx, m)
	case messages.Command:
		s.command(ctx, m)
	}
}

func (s *serverProcess) start(ctx actor.Context) {
	s.uplink = ctx.Spawn(actors.NewUplink(s.parent, s.log))
	ctx.Spawn(actors.NewWishes(s.caught, s.log))
	s.parent.Beats(s.cfg.ServerHeartbeatInterval)
	root, self := ctx.ActorSystem().Root, ctx.Self()
	code := &Server{log: s.log, cfg: s.cfg, host: s.top, send: func(c messages.Command) { root.Send(self, messages.Requested{Command: c}) }}
	configure := messages.Configure{Version: s.begin.Version, Body: s.begin.Config, Cause: messages.CauseStart}
	s.server = ctx.Spawn(supervisor.NewServer(
		serverOptions(s.app, code, s.top, s.log, s.begin.Incarnation.Generation, s.cfg, configure)))
}

// event passes on what the server says.
func (s *serverProcess) event(ctx actor.Context, m messages.Event) {
	switch m := m.(type) {
	case messages.ServerReady:
		ctx.Send(s.uplink, messages.Ready{})
	case messages.ServerExited:
		s.exited(m)
	default:
		ctx.Send(s.uplink, m)
	}
}

func (s *serverProcess) exited(m messages.ServerExited) {
	if m.Exit.Ok() {
		s.log.Info("the server has stopped")
	} else {
		s.log.Errorf("the server has stopped: %s", m.Exit)
	}
	s.alarm.Stop()
	s.done(m.Exit.Code)
}

// command obeys what the top says, and what a signal to this pid means.
func (s *serverProcess) command(ctx actor.Context, c messages.Command) {
	switch c := c.(type) {
	case messages.Stop:
		s.stop = &c
		ctx.Send(s.server, c)
	case messages.Configure:
		s.configure(c)
		ctx.Send(s.server, c)
	case messages.Dump:
		s.dump(ctx, c)
	default:
		ctx.Send(s.server, c)
	}
}

// configure makes the keys of this process that can change effective.
func (s *serverProcess) configure(c messages.Configure) {
	cfg, err := config.Decode(c.Body)
	if err != nil {
		return // the server says so
	}
	if cfg.ServerHeartbeatInterval != s.cfg.ServerHeartbeatInterval {
		s.parent.Beats(cfg.ServerHeartbeatInterval)
	}
	s.cfg = cfg
	if err := errors.Join(logging.SetLevel(s.log, cfg.LogLevel), logging.SetFormat(s.log, string(cfg.LogFormat)), s.pipe.SetFormat(string(cfg.LogFormat))); err != nil {
		s.log.Errorf("reload: %v", err)
	}
}

func (s *serverProcess) dump(ctx actor.Context, c messages.Dump) {
	if s.cfg.DisableSigdump || s.stop != nil {
		return
	}
	writeDump(s.cfg, s.log, nil)
	ctx.Send(s.server, c)
}

// orphanMargin is how long before orphan_timeout what is left is killed.
const orphanMargin = 200 * time.Millisecond

// orphaned handles the end of the top process. The workers are told at once, by closing
// their life-lines, so that all levels count the same time.
func (s *serverProcess) orphaned(ctx actor.Context) {
	s.orphan = true
	ctx.Send(s.server, actors.Disown{})
	if s.stop != nil && s.stop.Mode == messages.Immediate {
		s.endOrphan(ctx)
		return
	}
	s.log.Warnf("the supervisor is gone: finishing within %s", s.cfg.OrphanTimeout)
	ctx.Send(s.server, messages.Stop{Mode: messages.Graceful, Reason: "the supervisor is gone"})
	s.alarm.Set(ctx, time.Now().Add(max(0, s.cfg.OrphanTimeout-orphanMargin)))
}

// endOrphan kills what is left below, and then ends.
func (s *serverProcess) endOrphan(ctx actor.Context) {
	ctx.Send(s.server, actors.Kill{})
	root, self := ctx.ActorSystem().Root, ctx.Self()
	time.AfterFunc(orphanMargin/2, func() { root.Send(self, houseClosed{}) })
}

// remoteTop is the top process as a server process reaches it: over its descriptor pair.
type remoteTop struct{ client *sockets.Client }

func (t *remoteTop) Listen(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	return t.client.ListenWith(network, address, o)
}

func (t *remoteTop) ListenPacket(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	ctx, cancel := contextFor(listenWait)
	defer cancel()
	return t.client.ListenPacketContext(ctx, network, address, o)
}

// listenWait bounds how long the top process may take to answer a Listen.
const listenWait = 10 * time.Second

// Adopt hands everything up in one message, before the child exists. The copies here are
// closed: whatever becomes of this process, the child's output has its reader.
func (t *remoteTop) Adopt(inc messages.Incarnation, h workers.Handover) error {
	defer h.Close()
	tag, files := h.Tag(inc)
	return t.client.Hand(tag, files...)
}

// Started does nothing: the top learns pids from events.
func (t *remoteTop) Started(messages.Incarnation, int) {}

// Tail is empty: the lines are in the top, and in the log.
func (t *remoteTop) Tail(messages.Incarnation) []string { return nil }

// Manager asks the top, which opens the path then.
func (t *remoteTop) Manager() (path, token string, err error) { return t.client.Path() }
