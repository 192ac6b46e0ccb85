package actors

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// Proxy is the actor that stands for one life of a child process: a worker process or a
// server process.
//
//	starting ──started──▶ running ──Stop, silence, garbage──▶ stopping ──exit──▶ ended
//	    └────could not be started, or is not there in time after a Stop────────────┘
//
// Invariants: the exit status comes from wait and is the last thing it says; a Stop that
// arrives while the process is being started is carried out as soon as it exists; one that
// comes to exist when nobody waits for it any more is killed; when the actor ends for any
// reason, the process does too.
type Proxy struct {
	ProxyOptions
	behavior actor.Behavior
	child    Child
	pid      int            // of the process that counts; 0 = not known yet
	kept     *messages.Exit // how a keeper's command ended
	alarm    Alarm
	giveUp   time.Time // a process that is being started is not waited for; zero = it is
	steps    escalation
	beats    heartbeat
	ready    bool
	why      string // it is being ended without having been told to
	told     *messages.Stop
	killed   bool
	refused  bool               // it is killed because nobody understands it
	early    []messages.Command // for a process that is being started
	losses   *logging.Losses    // messages that nobody waits for an answer to
	room     chan struct{}      // bounds what the child's events may occupy in the mailbox
	gone     chan struct{}      // closed when the actor has stopped
}

// ProxyOptions says which process a Proxy stands for.
type ProxyOptions struct {
	Incarnation messages.Incarnation
	// Start starts the process. It may block: it is called in a goroutine of its own.
	Start func() (Child, error)
	// Started is told the pid, in a goroutine of its own. It may be nil.
	Started func(pid int)
	Timing  Timing
	// Tail returns the last lines that the child printed, waiting for them a moment.
	// It is called in a goroutine of its own, when a child ended before it was ready.
	Tail func() []string
	Log  *logrus.Logger
}

// NewProxy returns the props of a Proxy.
func NewProxy(o ProxyOptions) *actor.Props {
	return Guarded("proxy "+o.Incarnation.String(), o.Log, func() actor.Actor {
		p := &Proxy{ProxyOptions: o, behavior: actor.NewBehavior(), room: make(chan struct{}, 256), gone: make(chan struct{})}
		p.losses = lossesTo(p.log, lostMessages)
		p.steps = escalation{ladder: o.Timing.Ladder, frames: true}
		p.behavior.Become(p.starting)
		return p
	})
}

type (
	childStarted struct{ child Child }
	startFailed  struct{ err error }
	childEvent   struct{ event procbridge.Event }
	lastWords    struct{ exit messages.Exit }
)

// Receive is for protoactor.
func (p *Proxy) Receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Started:
		p.start(ctx)
	case *actor.Stopping:
		p.abandon()
	case *actor.Stopped:
		close(p.gone)
	default:
		p.behavior.Receive(ctx)
	}
}

func (p *Proxy) start(ctx actor.Context) {
	root, self, begin, gone := ctx.ActorSystem().Root, ctx.Self(), p.Start, p.gone
	go func() {
		child, err := begin()
		if err != nil {
			root.Send(self, startFailed{err})
			return
		}
		select {
		case <-gone: // the actor ended meanwhile: nobody else knows the process
			_ = child.Kill() // dead already, at worst
			for range child.Events() {
			}
			return
		default:
		}
		root.Send(self, childStarted{child})
		p.pump(root, self, child)
	}()
}

// pump turns the child's events into messages. It runs until the last one, also when the
// actor is gone: then it has nobody to tell and sees the process off.
func (p *Proxy) pump(root *actor.RootContext, self *actor.PID, child Child) {
	events := child.Events()
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			select {
			case p.room <- struct{}{}:
				root.Send(self, childEvent{event})
			case <-p.gone:
			}
		case <-p.gone:
			_ = child.Kill() // dead already, at worst
			for range events {
			}
			return
		}
	}
}

// abandon ends the process of an actor that ends. procbridge sees its death and reaps it.
func (p *Proxy) abandon() {
	p.alarm.Stop()
	if p.child != nil {
		_ = p.child.Kill() // dead already, at worst
	}
}

func (p *Proxy) starting(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case childStarted:
		p.child = m.child
		if _, keeps := p.child.(Keeper); !keeps {
			p.started(ctx, p.child.Pid())
		}
		p.beats.begin(time.Now(), p.Timing.Watch)
		p.behavior.Become(p.living)
		for _, c := range p.early {
			p.pass(c)
		}
		p.early = nil
		if p.killed {
			p.act(p.steps.kill(time.Now()))
		} else if p.told != nil {
			p.act(p.steps.start(time.Now(), p.told.Mode))
		}
		p.arm(ctx)
	case startFailed:
		p.finish(ctx, messages.Exit{Cause: messages.ExitFailed, Code: 1, Detail: m.err.Error()})
	case messages.Stop:
		if p.told == nil || m.Mode > p.told.Mode {
			p.told = &m
			p.hurryStart(ctx, m.Mode)
		}
	case Kill, Disown: // it has hardly begun, and nobody would see it off
		p.killed = true
		p.hurryStart(ctx, messages.Immediate)
	case Rang:
		if p.alarm.Due(m) {
			p.tooLate(ctx)
		}
	case Timing:
		p.retime(m)
	case Mail:
		p.refuseAll(ctx, m, "the worker is starting")
	case messages.Deliver:
		p.refuse(ctx, m, "the worker is starting")
	case messages.Command:
		p.early = append(p.early, m)
	}
}

func (p *Proxy) living(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case childEvent:
		<-p.room
		p.heard(ctx, m.event)
	case messages.Stop:
		p.told = &m
		p.act(p.steps.start(time.Now(), m.Mode))
	case Kill:
		p.act(p.steps.kill(time.Now()))
	case Disown:
		p.child.CloseLifeline()
	case Timing:
		p.retime(m)
	case Rang:
		if p.alarm.Due(m) {
			p.look(ctx)
		}
	case Mail:
		p.deliver(ctx, m)
	case messages.Deliver:
		p.deliver(ctx, Mail{m})
	case messages.Command:
		p.pass(m)
	}
	p.arm(ctx)
}

func (p *Proxy) started(ctx actor.Context, pid int) {
	p.pid = pid
	ctx.Send(ctx.Parent(), ChildStarted{Incarnation: p.Incarnation, Pid: pid})
	if p.Started != nil {
		go p.Started(pid)
	}
}

// ended only waits for its parent.
func (p *Proxy) ended(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case childStarted: // too late
		_ = m.child.Kill() // dead already, at worst
	case childEvent:
		<-p.room
	case Mail:
		p.refuseAll(ctx, m, "the worker has ended")
	case messages.Deliver:
		p.refuse(ctx, m, "the worker has ended")
	}
}

// heard handles one event of the child.
func (p *Proxy) heard(ctx actor.Context, e procbridge.Event) {
	switch e := e.(type) {
	case procbridge.Frame:
		p.frame(ctx, e.Event)
	case procbridge.Garbage:
		p.log().
			Errorf("the child wrote what is no frame (%v): %q; it is killed", e.Err, e.First)
		p.fail(ctx, "it wrote what is no frame", true)
	case procbridge.Refused:
		p.fail(ctx, fmt.Sprintf("%s, we speak %d to %d: build both from one version", e.Hello, e.Min, e.Max), true)
	case procbridge.UpClosed:
		p.fail(ctx, "it closed its pipe", false)
	case procbridge.Exited:
		p.exited(ctx, e.Exit)
	}
}

func (p *Proxy) frame(ctx actor.Context, e messages.Event) {
	switch e := e.(type) {
	case messages.Hello:
	case messages.CommandStarted:
		p.started(ctx, e.Pid)
	case messages.CommandExited:
		p.kept = &e.Exit
	case messages.Ready:
		p.ready = true
		ctx.Send(ctx.Parent(), ChildReady{p.Incarnation})
	case messages.Progress:
		p.beats.progressed(time.Now())
	default:
		ctx.Send(ctx.Parent(), ChildSaid{Incarnation: p.Incarnation, Event: e})
	}
}

// fail ends a child that can't be trusted any more: by the ladder, or at once.
func (p *Proxy) fail(ctx actor.Context, why string, atOnce bool) {
	if p.why == "" {
		p.why = why
		ctx.Send(ctx.Parent(), ChildFailing{Incarnation: p.Incarnation, Why: why})
	}
	if atOnce {
		p.refused = true
		p.act(p.steps.kill(time.Now()))
		return
	}
	p.act(p.steps.distrust(time.Now()))
}

// look does what has become due.
func (p *Proxy) look(ctx actor.Context) {
	now := time.Now()
	p.act(p.steps.step(now))
	if why := p.beats.judge(now, p.child.LastSeen()); why != "" && p.why == "" {
		p.fail(ctx, why, false)
	}
}

// arm sets the alarm for what becomes due first.
func (p *Proxy) arm(ctx actor.Context) {
	next := p.steps.next()
	if look := p.beats.next(); p.why == "" && !look.IsZero() && (next.IsZero() || look.Before(next)) {
		next = look
	}
	p.alarm.Set(ctx, next)
}

// log names the child in what is logged of it.
func (p *Proxy) log() *logrus.Entry {
	e := p.Log.WithField("incarnation", p.Incarnation.String())
	if p.Incarnation.IsServer() {
		return e
	}
	return e.WithField("worker", p.Incarnation.Slot)
}

func (p *Proxy) retime(t Timing) {
	p.Timing = t
	p.steps.ladder = t.Ladder
	if p.child != nil && t.Watch != p.beats.watch {
		p.beats.begin(time.Now(), t.Watch)
	}
}

// act carries out steps of the escalation. An error means that the process is dead, and
// its exit is on the way.
func (p *Proxy) act(steps []Step) {
	for _, s := range steps {
		var err error
		switch s {
		case StepStopFrame:
			err = p.child.Send(messages.Stop{Mode: messages.Graceful, Reason: p.reason()})
		case StepImmediateFrame:
			err = p.child.Send(messages.Stop{Mode: messages.Immediate, Reason: p.reason()})
		case StepTerm:
			err = p.signal("TERM")
		case StepQuit:
			err = p.signal("QUIT")
		case StepKill:
			err = p.child.Kill()
		}
		if err != nil {
			p.log().Debugf("step of the stop: %v", err)
		}
	}
}

func (p *Proxy) reason() string {
	if p.why != "" || p.told == nil {
		return p.why
	}
	return p.told.Reason
}

func (p *Proxy) signal(name string) error {
	s, err := procbridge.SignalByName(name)
	if err != nil {
		return err
	}
	return p.child.Signal(s)
}
