package workers

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// goroutine is the actor of an embedded or thread worker: one life in this process.
// It can be told to stop and cannot be killed.
type goroutine struct {
	birth birth
	slot  Slot
	life  *life
	log   *logrus.Logger
	alarm actors.Alarm // rings when the worker's code has been silent for too long
	beat  time.Time    // last progress; zero = the code never said so
	late  bool         // it was said that it makes none
}

type (
	lifeSaid  struct{ event messages.Event }
	lifeEnded struct{ exit messages.Exit }
)

func newGoroutine(b birth, slot Slot) *actor.Props {
	return actors.Guarded("worker "+b.incarnation.String(), b.logger, func() actor.Actor {
		return &goroutine{birth: b, slot: slot, log: b.logger}
	})
}

// Receive is for protoactor.
func (g *goroutine) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		g.start(ctx)
	case lifeSaid:
		g.said(ctx, m.event)
	case actors.Rang:
		if g.alarm.Due(m) {
			g.look(ctx)
		}
	case lifeEnded:
		g.alarm.Stop()
		ctx.Send(ctx.Parent(), actors.ChildExited{Incarnation: g.birth.incarnation, Exit: m.exit})
	case messages.Stop:
		g.life.stop(&StopCause{Reason: m.Reason})
	case messages.Configure:
		g.configure(m)
	case actors.Mail:
		for _, d := range m {
			g.life.deliver(d)
		}
	case messages.Deliver:
		g.life.deliver(m)
	case messages.Dump:
		g.dump()
	case *actor.Stopping:
		g.life.stop(&StopCause{Reason: "the actor system stops the worker"})
	}
}

func (g *goroutine) start(ctx actor.Context) {
	root, self := ctx.ActorSystem().Root, ctx.Self()
	g.birth.say = func(e messages.Event) { root.Send(self, lifeSaid{e}) }
	g.birth.exited = func(e messages.Exit) { root.Send(self, lifeEnded{e}) }
	before, after, slot, make := g.birth.code.BeforeStart, g.birth.code.AfterStart, g.slot, g.birth.code.New
	g.birth.code.New = func(s *Self) (Worker, error) {
		if err := callBefore(before, slot); err != nil {
			return nil, err
		}
		callAfter(after, slot, 0, g.log)
		return make(s)
	}
	g.life = newLife(g.birth)
	ctx.Send(ctx.Parent(), actors.ChildStarted{Incarnation: g.birth.incarnation})
	g.life.start()
}

func (g *goroutine) said(ctx actor.Context, e messages.Event) {
	switch e.(type) {
	case messages.Ready:
		ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: g.birth.incarnation})
	case messages.Progress:
		g.beat, g.late = time.Now(), false
		g.watch(ctx)
	default:
		ctx.Send(ctx.Parent(), actors.ChildSaid{Incarnation: g.birth.incarnation, Event: e})
	}
}

// watch sets the alarm for when the next sign of progress is due.
func (g *goroutine) watch(ctx actor.Context) {
	if limit := g.life.self.Config().WorkerProgressTimeout; limit >= 0 && !g.beat.IsZero() {
		g.alarm.Set(ctx, g.beat.Add(limit))
	}
}

// look says once that the worker's code makes no progress. A goroutine can't be ended, so
// that is all that can be done.
func (g *goroutine) look(ctx actor.Context) {
	silent := time.Since(g.beat)
	limit := g.life.self.Config().WorkerProgressTimeout
	if g.late || limit < 0 {
		return
	}
	if silent < limit { // the limit was raised meanwhile
		g.watch(ctx)
		return
	}
	g.late = true
	ctx.Send(ctx.Parent(), actors.ChildFailing{Incarnation: g.birth.incarnation, Why: fmt.Sprintf("no progress for %s", silent.Round(time.Millisecond))})
}

func (g *goroutine) configure(m messages.Configure) {
	cfg, err := config.Decode(m.Body)
	if err != nil {
		g.log.Errorf("worker %s: %s: %v", g.birth.incarnation, m, err)
		return
	}
	g.life.configure(cfg, m.Version, m.Cause == messages.CauseReload)
}

// dump adds what the worker has to say to the dump file of this process, whose stacks the
// engine writes.
func (g *goroutine) dump() {
	if cfg := g.life.self.Config(); !cfg.DisableSigdump {
		go g.life.addToDump(cfg.SigdumpDir)
	}
}

// callBefore runs the BeforeStart hook; a panic in it fails the start as an error does.
func callBefore(hook func(Slot) error, slot Slot) (err error) {
	if hook == nil {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("hook BeforeStart: panic: %v", r)
		}
	}()
	if err := hook(slot); err != nil {
		return fmt.Errorf("hook BeforeStart: %w", err)
	}
	return nil
}

// callAfter runs the AfterStart hook; a panic in it is logged.
func callAfter(hook func(Slot, int), slot Slot, pid int, log *logrus.Logger) {
	if hook == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			log.WithField("worker", slot.ID).Errorf("hook AfterStart: panic: %v", r)
		}
	}()
	hook(slot, pid)
}

var errNoWorker = errors.New("App.Worker is nil: set it to the constructor of your worker, for example serverengine.Func(work)")
