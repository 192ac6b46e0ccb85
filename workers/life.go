package workers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/sigdump"
	"github.com/serverengine/serverengine-go/messages"
)

// life is one life of a worker's code: the goroutine of its Run, and short ones for its
// other methods. It is the same in a worker process and in a goroutine worker.
type life struct {
	self   *Self
	code   Code
	say    func(messages.Event)
	onExit func(messages.Exit)
	// crash lets a panic of Run end the process, whose trace the parent captures. Without
	// it the panic is caught and logged.
	crash   bool
	queue   int
	largest int64 // reply, in bytes

	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer   // of ByRun
	made   func()        // closes begun
	begun  chan struct{} // closed when there is a worker, or will be none

	mu      sync.Mutex
	worker  Worker
	ended   bool
	stops   chan struct{} // closed when the worker's Stop has returned; nil = it was not called
	version uint64
	newest  *config.Config // to be given to Reload; nil = none
	reload  bool           // a goroutine is in Reload
	inbox   []messages.Deliver
	reads   bool // a goroutine is in Receive
}

// birth is what a life starts with.
type birth struct {
	incarnation messages.Incarnation
	config      config.Config
	version     uint64
	shared      map[string][]byte
	host        Host
	topPid      int
	logger      *logrus.Logger
	fields      logrus.Fields
	code        Code
	crash       bool
	say         func(messages.Event) // any goroutine; must not block
	exited      func(messages.Exit)  // once, from Run's goroutine
}

func newLife(b birth) *life {
	l := &life{code: b.code, say: b.say, onExit: b.exited, crash: b.crash, version: b.version, queue: max(1, b.config.WorkerQueueSize), largest: b.config.WorkerMaxMessageSize}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.begun = make(chan struct{})
	l.made = sync.OnceFunc(func() { close(l.begun) })
	l.self = &Self{
		incarnation: b.incarnation, logger: b.logger.WithFields(b.fields), shared: b.shared,
		host: b.host, topPid: b.topPid, ctx: l.ctx, say: b.say,
	}
	l.self.config.Store(&b.config)
	return l
}

// start runs the worker.
func (l *life) start() {
	if l.code.Readiness == ByRun {
		l.timer = time.AfterFunc(l.self.config.Load().WorkerReadyAfter, l.self.Ready)
	}
	go l.run()
}

func (l *life) run() {
	exit := messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "the worker's goroutine was ended by runtime.Goexit"}
	defer func() {
		if r := recover(); r != nil {
			if l.crash { // the life ends with the process, which the runtime ends once it has printed all
				panic(r)
			}
			exit.Detail = fmt.Sprint(r)
			l.self.logger.Errorf("panic in the worker: %v\n%s", r, debug.Stack())
		}
		l.end(exit)
	}()
	err := l.work()
	exit = l.exitOf(err)
}

func (l *life) work() error {
	if l.code.New == nil {
		return errNoWorker
	}
	w, err := l.code.New(l.self)
	if err != nil {
		return fmt.Errorf("make the worker: %w", err)
	}
	if w == nil {
		return errors.New("make the worker: App.Worker returned nil and no error")
	}
	l.mu.Lock()
	l.worker = w
	if l.ctx.Err() != nil { // told to stop while it was made
		l.callStop()
	}
	l.mu.Unlock()
	l.made()
	l.poke()
	err = w.Run(l.ctx, l.self)
	if err == nil && l.code.Readiness == ByRun {
		l.self.Ready()
	}
	return err
}

// exitOf tells a Run that was told to stop from one that failed. A context error counts
// as the former only if it is this worker's own context that is done.
func (l *life) exitOf(err error) messages.Exit {
	var exit *ExitError
	switch {
	case err == nil:
		return messages.Exit{Cause: messages.ExitReturned}
	case errors.As(err, &exit):
		e := messages.Exit{Cause: messages.ExitReturned, Code: exitCode(exit.Code)}
		if exit.Err != nil {
			e.Detail = exit.Err.Error()
		}
		if e.Code != exit.Code {
			e.Detail = strings.TrimPrefix(fmt.Sprintf("%s; ExitError has code %d, use 0 to %d", e.Detail, exit.Code, maxExitCode), "; ")
		}
		return e
	case l.ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(l.ctx))):
		return messages.Exit{Cause: messages.ExitReturned}
	}
	return messages.Exit{Cause: messages.ExitError, Code: 1, Detail: err.Error()}
}

// end is the last thing a life does.
func (l *life) end(exit messages.Exit) {
	if exit.Cause != messages.ExitPanic {
		l.awaitStop()
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Lock()
	l.ended = true
	left := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	l.made()
	l.cancel(&StopCause{Reason: "Run has returned"})
	l.self.opened.close()
	for _, d := range left {
		l.answer(d, nil, errEnded)
	}
	l.onExit(exit)
}

// stop tells the worker to finish. It may be called again; the first cause counts.
func (l *life) stop(cause *StopCause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	l.callStop() // before Run can see the end of its context: who ends waits for Stop
	l.cancel(cause)
}

// callStop calls the worker's Stop, if there is a worker that has one. It is called once,
// with mu held: by the stop, or for a worker that was still being made then, before Run.
func (l *life) callStop() {
	s, ok := l.worker.(Stopper)
	if !ok {
		return
	}
	done, cancelled := make(chan struct{}), l.ctx.Done()
	l.stops = done
	go func() {
		defer close(done)
		<-cancelled
		_ = l.guard("Stop", func() error { s.Stop(); return nil }) // guard has logged it
	}()
}

// stopPatience is how long a Stop may outlast Run before the log tells of it.
const stopPatience = 5 * time.Second

// awaitStop waits for the worker's Stop, if it was called: it may be there that the work in
// hand is finished.
func (l *life) awaitStop() {
	l.mu.Lock()
	stops := l.stops
	l.mu.Unlock()
	if stops == nil {
		return
	}
	late := time.AfterFunc(stopPatience, func() {
		l.self.logger.Warnf("Run has returned, the worker's Stop has not: it is waited for")
	})
	defer late.Stop()
	<-stops
}

// guard calls one of the worker's methods; a panic is logged and comes back as an error.
func (l *life) guard(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			l.self.logger.Errorf("panic in the worker's %s: %v\n%s", name, r, debug.Stack())
			err = fmt.Errorf("panic in %s: %v", name, r)
		}
	}()
	return f()
}

// configure gives the worker a configuration. Versions that are not newer are dropped.
func (l *life) configure(cfg config.Config, version uint64, reload bool) {
	l.mu.Lock()
	if version <= l.version {
		l.mu.Unlock()
		return
	}
	l.version = version
	l.self.config.Store(&cfg)
	if !reload {
		l.mu.Unlock()
		l.say(messages.ConfigSeen{Incarnation: l.self.incarnation, Version: version})
		return
	}
	l.newest = &cfg
	l.mu.Unlock()
	l.poke()
}

// reloadAgain calls Reload with the configuration in force (USR2 to the worker's own pid).
func (l *life) reloadAgain() {
	l.mu.Lock()
	l.newest = l.self.config.Load()
	l.mu.Unlock()
	l.poke()
}

// poke starts the goroutines that have something to do now.
func (l *life) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.worker == nil || l.ended {
		return
	}
	if l.newest != nil && !l.reload {
		l.reload = true
		go l.reloads()
	}
	if len(l.inbox) > 0 && !l.reads {
		l.reads = true
		go l.receives()
	}
}

// reloads calls Reload until the newest configuration was seen.
func (l *life) reloads() {
	for {
		l.mu.Lock()
		cfg, version, w := l.newest, l.version, l.worker
		l.newest = nil
		if cfg == nil || l.ended {
			l.reload = false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		seen := messages.ConfigSeen{Incarnation: l.self.incarnation, Version: version}
		if r, ok := w.(Reloader); ok {
			if err := l.guard("Reload", func() error { return r.Reload(l.ctx, *cfg) }); err != nil {
				seen.Err = err.Error()
				l.self.logger.Errorf("the worker's Reload failed: %v", err)
			}
		}
		l.say(seen)
	}
}

// addToDump adds what the worker has to say to the dump file of this process, behind the
// stacks: a Dump that waits for what holds up the worker doesn't keep them from the operator.
func (l *life) addToDump(dir string) {
	l.mu.Lock()
	d, ok := l.worker.(Dumper)
	l.mu.Unlock()
	if !ok {
		return
	}
	var text bytes.Buffer
	text.WriteByte('\n')
	l.dumpTitle(&text)
	if err := l.guard("Dump", func() error { d.Dump(&text); return nil }); err != nil {
		fmt.Fprintf(&text, "%v\n", err)
	}
	if _, err := sigdump.Append(dir, text.Bytes()); err != nil {
		l.self.logger.Errorf("dump: %v", err)
	}
}

func (l *life) dumpTitle(w io.Writer) {
	fmt.Fprintf(w, "worker %d, incarnation %s\n", l.self.ID(), l.self.incarnation)
}
