package serverengine

import (
	"errors"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/supervisor"
)

// desk is the engine's work on its configuration: which version is in force, whether one
// is being loaded, and who waits for the next one.
type desk struct {
	version uint64
	loading bool
	serving []request // of the load under way
	waiting []request // of the next one: they coalesce
	refusal string    // why the last load was refused; empty if it was not
	logging bool      // the log is being reopened
	relog   bool      // and is to be once more
	exit    messages.ServerExited
}

// request is somebody who wants the configuration loaded.
type request struct {
	restart *messages.Restart // to follow it; nil = only a reload
	from    *actor.PID        // wants the answer; nil = nobody
}

// size is the wanted number of workers: that of the configuration, until somebody scales.
type size struct {
	file   int // workers as last loaded
	scaled bool
	wanted int
}

func (s *size) loaded(n int) {
	if n != s.file || !s.scaled {
		s.wanted, s.scaled = n, false
	}
	s.file = n
}

func (s *size) scale(n int) { s.wanted, s.scaled = n, n != s.file }

type (
	loaded struct {
		cfg Config
		err error
	}
	logConfigured struct{ err error }
)

// load runs the source in a goroutine. Requests that come meanwhile share the next load.
func (e *engine) load(ctx actor.Context, r request) {
	if e.stop != nil {
		e.refuse(ctx, "the engine is stopping")
		return
	}
	if r.restart == nil && e.cfg.DisableReload {
		e.reopenOnly(ctx, r)
		return
	}
	e.desk.waiting = append(e.desk.waiting, r)
	e.loadNext(ctx)
}

func (e *engine) loadNext(ctx actor.Context) {
	d := &e.desk
	if d.loading || len(d.waiting) == 0 {
		return
	}
	d.loading, d.serving, d.waiting = true, d.waiting, nil
	root, self, source, app := ctx.ActorSystem().Root, ctx.Self(), e.source, e.app
	go func() {
		cfg, err := config.Load(source)
		if err == nil {
			err = app.check(cfg)
		}
		root.Send(self, loaded{cfg, err})
	}()
}

// refuseLoads answers those who wait for a load: the engine stops, and nothing is put in
// force any more.
func (e *engine) refuseLoads(ctx actor.Context) {
	for _, r := range append(e.desk.serving, e.desk.waiting...) {
		if r.from != nil {
			ctx.Send(r.from, messages.ConfigRefused{Reason: "the engine is stopping"})
		}
	}
	e.desk.serving, e.desk.waiting = nil, nil
}

// reopenOnly is what disable_reload leaves of a reload.
func (e *engine) reopenOnly(ctx actor.Context, r request) {
	e.log.Info("disable_reload is set: the log is reopened, the configuration stays")
	e.followLog(ctx)
	if r.from != nil {
		ctx.Send(r.from, messages.ConfigApplied{Version: e.desk.version})
	}
}

// loaded swaps the configuration, or keeps the old one if the new one is refused: then
// nobody is restarted either.
func (e *engine) loaded(ctx actor.Context, m loaded) {
	requests := e.desk.serving
	e.desk.loading, e.desk.serving = false, nil
	if e.stop == nil {
		if m.err != nil {
			e.refused(ctx, m.err, requests)
		} else {
			e.apply(ctx, m.cfg, requests)
		}
	}
	e.loadNext(ctx)
}

func (e *engine) refused(ctx actor.Context, err error, requests []request) {
	e.desk.refusal = err.Error()
	var panicked *config.PanicError
	if errors.As(err, &panicked) {
		e.log.Errorf("%v\n%s", panicked, panicked.Stack)
	}
	e.log.Errorf("reload refused, the old configuration stays in force: %v", err)
	e.followLog(ctx)
	for _, r := range requests {
		if r.from != nil {
			ctx.Send(r.from, messages.ConfigRefused{Reason: err.Error()})
		}
		if r.restart != nil {
			e.log.Errorf("%s refused: the configuration is not valid", r.restart)
		}
	}
}

func (e *engine) apply(ctx actor.Context, cfg Config, requests []request) {
	size := e.size
	size.loaded(cfg.Workers)
	cfg.Workers = size.wanted
	if err := e.resize(cfg.Workers); err != nil {
		e.refused(ctx, err, requests)
		return
	}
	e.size = size
	changes := config.Diff(e.cfg, cfg)
	applied := messages.ConfigApplied{}
	for _, c := range changes {
		e.log.Infof("configuration: %s", c)
		applied.Changes = append(applied.Changes, c.String())
		if c.Reload != config.ReloadLive {
			applied.NeedsRestart = append(applied.NeedsRestart, c.Key)
		}
	}
	if len(changes) == 0 {
		e.log.Info("configuration: nothing changed")
	}
	e.desk.refusal = ""
	for _, w := range cfg.Warnings() {
		e.log.Warn(w)
	}
	e.swap(ctx, keepFixed(e.cfg, cfg), messages.CauseReload)
	e.followLog(ctx)
	applied.Version = e.desk.version
	for _, r := range requests {
		if r.from != nil {
			ctx.Send(r.from, applied)
		}
	}
	if r := mostUrgent(requests); r != nil {
		e.log.Info(r.String())
		// What the server's own code has opened is not asked for again by new workers.
		newServers := e.cfg.Supervisor && e.cfg.RestartServerProcess
		if e.marked.on = false; newServers || e.app.Server == nil {
			e.mark(newServers)
		}
		if newServers {
			ctx.Send(e.server, supervisor.RestartServer{Mode: r.Mode})
			return
		}
		ctx.Send(e.server, *r)
	}
}

// keepFixed keeps what this process can't change while it runs: all below has to go by what
// is, a worker for example by the sockets that there are. The type of the workers is the
// server's: under a supervisor the next server process has the new one.
func keepFixed(old, cfg Config) Config {
	cfg = config.Keep(old, cfg)
	if !old.Supervisor {
		cfg.WorkerType = old.WorkerType
	}
	return cfg
}

// mostUrgent is the restart that several requests together ask for.
func mostUrgent(requests []request) *messages.Restart {
	var best *messages.Restart
	for _, r := range requests {
		if r.restart != nil && (best == nil || r.restart.Mode > best.Mode) {
			best = r.restart
		}
	}
	return best
}

// swap puts a configuration in force and sends it down.
func (e *engine) swap(ctx actor.Context, cfg Config, cause messages.Cause) {
	body, err := config.Encode(cfg)
	if err != nil {
		e.log.Errorf("reload refused: encode the configuration: %v", err)
		return
	}
	e.cfg = cfg
	e.manager.follow(cfg)
	e.desk.version++
	e.census.configured(cfg, e.desk.version)
	ctx.Send(e.server, messages.Configure{Version: e.desk.version, Body: body, Cause: cause})
}

// resize makes room for another number of workers, before it is in force.
func (e *engine) resize(workers int) error {
	if workers == e.cfg.Workers {
		return nil
	}
	return e.house.resize(workers)
}

// followLog reopens the log with the configuration in force, in a goroutine: one at a time,
// so that the last configuration is the one that stays.
func (e *engine) followLog(ctx actor.Context) {
	if e.desk.logging {
		e.desk.relog = true
		return
	}
	e.desk.logging = true
	root, self, h, cfg := ctx.ActorSystem().Root, ctx.Self(), e.house, e.cfg
	go func() { root.Send(self, logConfigured{h.configure(cfg)}) }()
}

func (e *engine) logConfigured(ctx actor.Context, m logConfigured) {
	if m.err != nil {
		e.log.Errorf("the log stays as it was: %v", m.err)
	}
	again := e.desk.relog
	if e.desk.logging, e.desk.relog = false, false; again {
		e.followLog(ctx)
	}
}

// scale changes the wanted number of workers.
func (e *engine) scale(ctx actor.Context, n int) {
	if e.stop != nil {
		e.refuse(ctx, "the engine is stopping")
		return
	}
	cfg := e.cfg
	cfg.Workers = max(0, n)
	err := cfg.Validate()
	if err == nil {
		err = e.resize(cfg.Workers)
	}
	if err != nil {
		e.log.Errorf("scale refused: %v", err)
		e.refuse(ctx, strings.TrimSpace(err.Error()))
		return
	}
	e.size.scale(cfg.Workers)
	e.log.Infof("workers %d → %d (now)", e.cfg.Workers, cfg.Workers)
	e.swap(ctx, cfg, messages.CauseScale)
}
