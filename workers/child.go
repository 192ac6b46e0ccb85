package workers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/sigdump"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
)

// flushWait bounds how long a child that exits waits for its last frames to be taken.
const flushWait = 500 * time.Millisecond

// listenWait bounds how long the top process may take to answer a Listen.
const listenWait = 10 * time.Second

// child is a worker process: one life, and the commands and signals that concern it.
type child struct {
	parent *procbridge.Parent
	code   Code
	cfg    config.Config
	log    *logrus.Logger
	pipe   *logging.PipeWriter
	client func() (*sockets.Client, error) // made when somebody wants a socket
	life   *life
	exited chan messages.Exit
	signal chan os.Signal
	told   bool
	keeper *keeper // of a spawn worker's command; nil = this process is the worker
	orphan bool    // the parent is gone

	replies *logging.Losses
	drops   *actors.Drops
}

// RunChild is the whole of a worker process: it returns the exit code. It is for the
// root package, after procbridge.Inherited said that this process is a worker.
func RunChild(p *procbridge.Parent, code Code) int {
	c := &child{parent: p, code: code, exited: make(chan messages.Exit, 1), signal: make(chan os.Signal, 16)}
	c.catch()
	if err := p.Hello(Build); err != nil {
		return 1 // the parent is gone: there is nobody to tell
	}
	begin, ok := c.awaitBegin()
	if !ok {
		return 0
	}
	if err := c.begin(begin); err != nil {
		fmt.Fprintf(os.Stderr, "worker %s: %v\n", begin.Incarnation, err)
		return 1
	}
	return c.serve()
}

// catch takes the signals of the worker's own pid. QUIT and HUP stay what they are: the
// first dumps all goroutines, both end the process at once.
func (c *child) catch() {
	var list []os.Signal
	for name := range messages.WorkerSignals() {
		if s, err := procbridge.SignalByName(name); err == nil {
			list = append(list, s)
		}
	}
	if len(list) > 0 {
		signal.Notify(c.signal, list...)
	}
}

// awaitBegin waits for the first command. ok is false when the worker is not to begin.
func (c *child) awaitBegin() (b messages.Begin, ok bool) {
	for {
		select {
		case m, open := <-c.parent.Commands():
			switch m := m.(type) {
			case messages.Begin:
				return m, true
			case messages.Stop:
				return b, false
			}
			if !open {
				return b, false
			}
		case s := <-c.signal:
			if _, ok := c.commandOf(s).(messages.Stop); ok {
				return b, false
			}
		}
	}
}

// catchQuit makes QUIT a keeper's command to its own command.
func (c *child) catchQuit() {
	if s, err := procbridge.SignalByName("QUIT"); err == nil {
		signal.Notify(c.signal, s)
	}
}

func (c *child) commandOf(s os.Signal) messages.Command {
	if c.keeper != nil && procbridge.SignalName(s) == "QUIT" {
		return messages.Stop{Mode: messages.Immediate, Reason: "QUIT"}
	}
	return messages.WorkerSignals()[procbridge.SignalName(s)]
}

func (c *child) begin(b messages.Begin) error {
	cfg, err := config.Decode(b.Config)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	c.cfg = cfg
	if err := setUmask(cfg.WorkerChumask); err != nil {
		return err
	}
	c.pipe = logging.NewPipeWriter(c.parent.File(FileLog), cfg.Log)
	if err := c.pipe.SetFormat(string(cfg.LogFormat)); err != nil {
		return err
	}
	c.log = logging.NewLogger(logging.LoggerOptions{Out: c.pipe, Level: cfg.LogLevel, Format: string(cfg.LogFormat)})
	ours := c.log.WithFields(workerFields(b.Incarnation))
	c.replies, c.drops = actors.LostReplies(ours), actors.NewDrops(c.parent, ours)
	c.client = sync.OnceValues(func() (*sockets.Client, error) {
		client, err := sockets.FromFile(c.parent.File(FileTop))
		if err != nil {
			return nil, fmt.Errorf("connect to the top process: %w", err)
		}
		return client, nil
	})
	if cfg.WorkerProcessName != "" {
		c.setName(b.Incarnation.Slot, cfg)
	}
	c.parent.Beats(cfg.WorkerHeartbeatInterval)
	if len(b.Command) > 0 {
		if c.keeper, err = newKeeper(c, b.Command); err != nil {
			return err
		}
		c.code = c.keeper.code()
	}
	c.life = newLife(birth{
		incarnation: b.Incarnation, config: cfg, version: b.Version, shared: b.Shared,
		host: childHost{c.client}, topPid: topPid(c.parent), logger: c.log, fields: workerFields(b.Incarnation), code: c.code, crash: true,
		say: c.say, exited: func(e messages.Exit) { c.exited <- e },
	})
	c.life.start()
	go c.life.consume(c.parent.Deliveries())
	return nil
}

// topPid is 0 for the child of a program that is not ours.
func topPid(p *procbridge.Parent) int {
	n, err := strconv.Atoi(p.Info(InfoTop))
	if err != nil {
		return 0
	}
	return n
}

// say sends an event up. It fails when the parent is gone, which Commands tells, or when
// replies are taken too slowly.
func (c *child) say(e messages.Event) {
	if err := c.parent.Send(e); errors.Is(err, procbridge.ErrBusy) {
		c.replies.Add(1, err.Error())
	}
}

type childHost struct {
	client func() (*sockets.Client, error)
}

func (h childHost) Listen(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	client, err := h.client()
	if err != nil {
		return nil, err
	}
	return client.ListenWith(network, address, o)
}

func (h childHost) ListenPacket(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	client, err := h.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), listenWait)
	defer cancel()
	return client.ListenPacketContext(ctx, network, address, o)
}

func (h childHost) Manager() (path, token string, err error) {
	client, err := h.client()
	if err != nil {
		return "", "", err
	}
	return client.Path()
}

// serve runs until the life has ended.
func (c *child) serve() int {
	commands := c.parent.Commands()
	for {
		select {
		case m, open := <-commands:
			if !open {
				commands = nil
				c.orphaned()
				continue
			}
			if s, ok := m.(messages.Stop); ok && s.Mode == messages.Immediate && c.keeper == nil {
				return 0
			}
			c.command(m)
		case s := <-c.signal:
			c.command(c.commandOf(s))
		case <-c.parent.Drops():
			c.drops.Count()
		case e := <-c.exited:
			return c.end(e)
		}
	}
}

func (c *child) command(m messages.Command) {
	switch m := m.(type) {
	case messages.Stop:
		c.told = true
		c.say(messages.Closing{})
		c.life.stop(&StopCause{Reason: m.Reason})
		if c.keeper != nil {
			c.keeper.tellStop(m.Mode)
		}
	case messages.Configure:
		c.configure(m)
	case messages.Reload:
		c.life.reloadAgain()
	case messages.Dump:
		c.dump()
	}
}

func (c *child) configure(m messages.Configure) {
	cfg, err := config.Decode(m.Body)
	if err != nil {
		c.log.Errorf("%s: %v", m, err)
		return
	}
	if m.Cause == messages.CauseReload {
		c.apply(cfg)
	}
	c.cfg = cfg
	c.life.configure(cfg, m.Version, m.Cause == messages.CauseReload)
}

// apply makes the keys of this process that can change effective.
func (c *child) apply(cfg config.Config) {
	if cfg.WorkerHeartbeatInterval != c.cfg.WorkerHeartbeatInterval {
		c.parent.Beats(cfg.WorkerHeartbeatInterval)
	}
	if err := errors.Join(logging.SetLevel(c.log, cfg.LogLevel), logging.SetFormat(c.log, string(cfg.LogFormat)), c.pipe.SetFormat(string(cfg.LogFormat))); err != nil {
		c.log.Errorf("reload: %v", err)
	}
	if cfg.WorkerProcessName != c.cfg.WorkerProcessName {
		c.setName(c.life.self.ID(), cfg)
	}
}

// setName gives this process its whole title: at its start the program's arguments stand
// behind the name.
func (c *child) setName(id int, cfg config.Config) {
	if err := procbridge.SetTitle(processName(Slot{ID: id, Config: cfg})); err != nil {
		c.log.Debugf("worker_process_name: %v", err)
	}
}

// dump writes the stacks in a goroutine of its own: it takes as long as it takes.
func (c *child) dump() {
	if c.cfg.DisableSigdump || c.told {
		return
	}
	if c.keeper != nil {
		c.keeper.tellDump()
		return
	}
	cfg, log, life := c.cfg, c.log, c.life
	go func() {
		path, err := sigdump.Write(sigdump.Options{Dir: cfg.SigdumpDir, Heap: cfg.SigdumpHeap, More: life.dumpTitle})
		if err != nil {
			log.Errorf("dump: %v", err)
			return
		}
		log.WithFields(workerFields(life.self.incarnation)).Infof("dump written to %s", path)
		life.addToDump(cfg.SigdumpDir)
	}()
}

// killMargin is how long before orphan_timeout the rest of the group is killed.
const killMargin = 200 * time.Millisecond

// orphaned handles the end of the parent: finish what is in hand, within orphan_timeout.
// Then nobody else is there to end what this process has started.
func (c *child) orphaned() {
	c.log.WithFields(workerFields(c.life.self.incarnation)).
		Warnf("the parent process is gone: finishing within %s", c.cfg.OrphanTimeout)
	c.told, c.orphan = true, true
	time.AfterFunc(max(0, c.cfg.OrphanTimeout-killMargin), func() {
		procbridge.KillOwnGroup()
		os.Exit(1)
	})
	c.life.stop(&StopCause{Reason: "the parent process is gone", Orphan: true})
	if c.keeper != nil {
		c.keeper.tellStop(messages.Graceful)
	}
}

// end is the exit of a process whose Run has returned.
func (c *child) end(e messages.Exit) int {
	if e.Cause == messages.ExitError {
		c.log.WithFields(workerFields(c.life.self.incarnation)).Errorf("the worker failed: %s", e.Detail)
	} else if e.Detail != "" {
		c.log.WithFields(workerFields(c.life.self.incarnation)).Warnf("the worker ends: %s", e)
	}
	if c.orphan {
		procbridge.KillOwnGroup() // what it leaves behind has no parent that would
	}
	c.life.refuseRest(c.parent.Deliveries())
	c.drops.End()
	c.replies.Flush()
	_ = c.parent.Flush(flushWait) // who does not read for so long is gone
	return e.Code
}
