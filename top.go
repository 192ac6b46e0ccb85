package serverengine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
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
	manager   sync.Mutex // one opens the socket manager's path
}

// openHouse opens the log and prepares the sockets. own is the user's logger, or nil.
func openHouse(cfg Config, own *logrus.Logger, guest bool) (*house, error) {
	writer, err := logging.Open(logOptions(cfg))
	if err != nil {
		return nil, &ConfigError{Key: "log", Value: cfg.Log, Problem: "can't be opened: " + err.Error(), Hint: "give a path that this user may write, - for stdout, or nothing for stderr"}
	}
	h := &house{writer: writer, collector: logging.NewCollector(writer, string(cfg.LogFormat)), log: own}
	var problems []error
	if own == nil {
		h.log = logging.NewLogger(logging.LoggerOptions{Out: writer, Level: cfg.LogLevel, Format: string(cfg.LogFormat)})
	} else {
		problems = append(problems, logging.AdoptLogger(own, writer, logging.AdoptOptions{Level: cfg.LogLevel}))
	}
	var inherited []sockets.Inherited
	if !guest {
		problems = append(problems, writer.CaptureStd(cfg.LogStdout, cfg.LogStderr))
		inherited, err = sockets.Activated()
		problems = append(problems, err)
	}
	h.sockets = sockets.NewServer(sockets.Options{Inherited: inherited, OnHand: h.handed})
	if err := errors.Join(problems...); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
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
		h.collector.SetFormat(string(cfg.LogFormat)),
		h.writer.Reconfigure(logOptions(cfg)),
		h.writer.Reopen(),
	)
}

// close ends the log after everything was written, and closes all listeners.
func (h *house) close() error {
	var problems []error
	if h.sockets != nil {
		problems = append(problems, h.sockets.Close())
	}
	ctx, cancel := contextFor(time.Second)
	defer cancel()
	_ = h.collector.Close(ctx) // what a process outside our groups still holds is not waited for
	return errors.Join(append(problems, h.writer.Close())...)
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

func (h *house) Started(inc messages.Incarnation, pid int) { h.collector.SetPid(inc.String(), pid) }

// Manager opens the socket manager's path when somebody needs it.
func (h *house) Manager() (path, token string, err error) {
	h.manager.Lock()
	defer h.manager.Unlock()
	if h.sockets.Path() == "" {
		if path, err = sockets.GeneratePath(); err != nil {
			return "", "", err
		}
		if err := h.sockets.OpenPath(path); err != nil {
			return "", "", err
		}
	}
	return h.sockets.Path(), h.sockets.Token(), nil
}

// serverEnv is what a server process needs to know of the top beside its descriptors.
func (h *house) serverEnv(cfg Config) []string {
	if cfg.WorkerType != config.Spawn {
		return nil
	}
	path, token, err := h.Manager()
	if err != nil {
		h.log.Errorf("open the socket manager for spawned commands: %v", err)
		return nil
	}
	return []string{workers.EnvManagerPath + "=" + path, workers.EnvManagerToken + "=" + token}
}

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
