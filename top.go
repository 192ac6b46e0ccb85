package serverengine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
	"github.com/serverengine/serverengine-go/workers"
)

// tailWait bounds how long a failed start waits for the last output of its process.
const tailWait = 300 * time.Millisecond

// house is what the top process owns and what outlives every server: the log and its
// collector, the listening sockets.
type house struct {
	writer    *logging.Writer
	collector *logging.Collector
	sockets   *sockets.Server
	log       *logrus.Logger
	pid       *pidFile // nil = none
	births    births
	manager   manager
}

// newHouse makes a house with its listening sockets, those of the listen key bound: before
// privileges are dropped, since they may be ports that only root may bind.
func newHouse(app App, cfg Config, guest bool) (*house, error) {
	h := &house{}
	h.manager.follow(cfg)
	var inherited []sockets.Inherited
	if !guest {
		var err error
		if inherited, err = sockets.Activated(); err != nil {
			return nil, err
		}
	}
	h.sockets = sockets.NewServer(sockets.Options{
		Inherited: inherited, OnHand: h.handed, OnGone: h.gone, OnLost: h.lost, OnPath: h.Manager,
		ReusePort: cfg.SocketReuseport, Backlog: cfg.SocketBacklog, // whoever asks, and however
		NoTakeOver: !app.ShareSockets, OnTakenOver: h.takenOver,
	})
	if err := errors.Join(h.sockets.SetSlots(cfg.Workers), h.bind(cfg)); err != nil {
		return nil, errors.Join(err, h.sockets.Close())
	}
	return h, nil
}

// bind opens the addresses of the listen key.
func (h *house) bind(cfg Config) error {
	var o sockets.ListenOptions
	for _, a := range cfg.Listen {
		network, address, err := config.SplitAddress(a)
		if err != nil {
			return &ConfigError{Key: "listen", Value: a, Problem: err.Error(), Hint: "for example tcp://0.0.0.0:80 or unix:///run/app.sock"}
		}
		var c io.Closer
		if strings.HasPrefix(network, "udp") || network == "unixgram" {
			c, err = h.sockets.ListenPacket(network, address, o)
		} else {
			c, err = h.sockets.Listen(network, address, o)
		}
		if err != nil {
			return &ConfigError{Key: "listen", Value: a, Problem: err.Error(), Hint: "free the address, or give another one"}
		}
		if err := c.Close(); err != nil { // a copy: the socket stays with its owner
			return fmt.Errorf("listen on %s: %w", a, err)
		}
	}
	return nil
}

// give gives away what the user that this process is going to be has to own.
func (h *house) give(uid, gid int) error {
	if err := h.pid.give(uid, gid); err != nil {
		return fmt.Errorf("give the pid file away: %w", err)
	}
	return h.sockets.Chown(uid, gid)
}

// openLog opens the log. own is the user's logger, or nil.
func (h *house) openLog(cfg Config, own *logrus.Logger, guest bool) error {
	writer, err := logging.Open(logOptions(cfg))
	if err != nil {
		return &ConfigError{Key: "log", Value: cfg.Log, Problem: "can't be opened: " + err.Error(), Hint: "give a path that this user may write, - for stdout, or nothing for stderr"}
	}
	h.writer, h.collector, h.log = writer, logging.NewCollector(writer, string(cfg.LogFormat)), own
	if own == nil {
		h.log = logging.NewLogger(logging.LoggerOptions{Out: writer, Level: cfg.LogLevel, Format: string(cfg.LogFormat)})
	} else if err := logging.AdoptLogger(own, writer, logging.AdoptOptions{Level: cfg.LogLevel}); err != nil {
		return err
	}
	if guest {
		return nil
	}
	return writer.CaptureStd(cfg.LogStdout, cfg.LogStderr)
}

func logOptions(cfg Config) logging.Options {
	return logging.Options{
		Path: cfg.Log, RotateAge: cfg.LogRotateAge, RotateSize: cfg.LogRotateSize,
		Compress: cfg.LogCompress, Format: string(cfg.LogFormat),
	}
}

// configure makes the log follow the configuration, and opens its file again: whoever has
// moved it may count on the old one not being written any more.
func (h *house) configure(cfg Config) error {
	return errors.Join(
		logging.SetLevel(h.log, cfg.LogLevel),
		logging.SetFormat(h.log, string(cfg.LogFormat)),
		h.collector.SetFormat(string(cfg.LogFormat)),
		h.writer.Reconfigure(logOptions(cfg)),
		h.writer.Reopen(),
	)
}

// leave gives up what another engine may want: the listeners and the pid file.
func (h *house) leave() error {
	return errors.Join(h.sockets.Close(), h.pid.remove())
}

// close gives everything up, the log last, after everything was written.
func (h *house) close() error {
	err := h.leave()
	if h.writer == nil {
		return err
	}
	if err != nil {
		h.log.Warn(err)
	}
	ctx, cancel := contextFor(time.Second)
	defer cancel()
	_ = h.collector.Close(ctx) // what a process outside our groups still holds is not waited for
	return h.writer.Close()
}

// mark begins to note who asks for which socket; those of the listen key are wanted in any
// case. It reports whether it has begun.
func (h *house) mark(cfg Config) bool {
	h.sockets.Mark()
	h.births.mark()
	if err := h.bind(cfg); err != nil {
		h.log.Warn(err)
		return false
	}
	return true
}

// sweep closes the sockets that nobody has asked for during a whole restart.
func (h *house) sweep() {
	for _, name := range h.sockets.Sweep() {
		h.log.Infof("%s is closed: nobody has asked for it during the restart", name)
	}
}

// Listen, ListenPacket, Adopt, Started and Tail make a house the workers' Top in its own
// process.

func (h *house) Listen(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	return h.sockets.Listen(network, address, o)
}

func (h *house) ListenPacket(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	return h.sockets.ListenPacket(network, address, o)
}

func (h *house) Adopt(inc messages.Incarnation, o workers.Handover) error {
	if o.Conn == nil || o.Records == nil {
		o.Close()
		return fmt.Errorf("adopt %s: descriptors are missing", inc)
	}
	h.births.note(inc)
	problems := []error{h.sockets.Attach(o.Conn, sockets.Peer{Incarnation: inc.String(), Slot: inc.Slot})}
	for _, s := range []logging.Stream{
		{Kind: logging.Records, File: o.Records}, {Kind: logging.Stdout, File: o.Stdout}, {Kind: logging.Stderr, File: o.Stderr},
	} {
		if s.File == nil {
			continue
		}
		s.Incarnation, s.Worker = inc.String(), inc.Slot
		problems = append(problems, h.collector.Add(s))
	}
	return errors.Join(problems...)
}

// handed takes what a server process hands up before it starts a worker.
func (h *house) handed(tag []byte, files []*os.File) {
	inc, o, err := workers.ReadHandover(tag, files)
	if err == nil {
		err = h.Adopt(inc, o)
	}
	if err != nil {
		h.log.Errorf("a server process handed over descriptors: %v", err)
	}
}

// lost is told of what this process had no room for: the worker that it is of is without
// sockets, and what it prints without a reader.
func (h *house) lost(tag []byte, err error) {
	h.log.Errorf("a server process handed over descriptors: %s: %v", tag, err)
}

func (h *house) Started(inc messages.Incarnation, pid int) { h.collector.SetPid(inc.String(), pid) }

func (h *house) Tail(inc messages.Incarnation) []string {
	tail := make(chan []string, 1)
	h.collector.Wait(inc.String(), func(lines []string) { tail <- lines })
	timer := time.NewTimer(tailWait)
	defer timer.Stop()
	select {
	case lines := <-tail:
		return lines
	case <-timer.C:
		return h.collector.Tail(inc.String())
	}
}

var _ workers.Top = (*house)(nil)

// needsProcesses reports whether workers of this configuration are processes.
func needsProcesses(cfg Config) bool {
	return cfg.WorkerType == config.Process || cfg.WorkerType == config.Spawn
}
