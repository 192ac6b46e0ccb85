package actors

import (
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// Whatever a child does and whatever its proxy is told, in any order: it is said to have
// started before anything else, its exit is reported exactly once and last, each message
// for it is delivered or answered, and it never outlives the actor.
func TestProxyUnderRandomOrders(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 60
	}
	synctest.Test(t, func(t *testing.T) {
		system := probe.NewSystem()
		for seed := range rounds {
			newProxyRound(t, system, seed).play()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
	})
}

type proxyRound struct {
	*stage
	r       *rand.Rand
	fails   bool // the start
	begun   bool
	stopped bool // the actor
	asked   uint64
}

func newProxyRound(t *testing.T, system *actor.ActorSystem, seed int) *proxyRound {
	r := rand.New(rand.NewPCG(uint64(seed), 4))
	react := [](func(*fakeChild, string)){obedient, deaf}[r.IntN(2)]
	p := &proxyRound{stage: &stage{t: t, child: newFakeChild(react), release: make(chan error, 1)}, r: r, fails: r.IntN(8) == 0}
	o := ProxyOptions{
		Incarnation: self, Log: quiet(),
		Timing: Timing{Ladder: randomLadder(r), Watch: Watch{Interval: time.Second, Timeout: time.Minute, ProgressTimeout: time.Minute}},
	}
	if r.IntN(2) == 0 {
		o.Tail = func() []string { return []string{"last"} }
	}
	child := p.child
	o.Start = func() (Child, error) {
		if err := <-p.release; err != nil {
			return nil, err
		}
		return child, nil
	}
	p.probe = probe.Start(t, system, NewProxy(o))
	return p
}

func (p *proxyRound) play() {
	p.t.Helper()
	at := p.r.IntN(10)
	for n := range 30 {
		if n == at {
			p.start()
		}
		if p.r.IntN(4) > 0 {
			p.command()
		} else {
			p.event()
		}
		if p.r.IntN(3) == 0 { // else things happen at once, in whatever order
			p.pass(time.Duration(p.r.IntN(20_000)) * time.Millisecond)
		}
	}
	p.finish()
}

func (p *proxyRound) start() {
	p.begun = true
	var err error
	if p.fails {
		err = errors.New("no such file")
	}
	p.release <- err
}

func (p *proxyRound) command() {
	switch p.r.IntN(9) {
	case 0:
		p.probe.Send(gracefulStop)
	case 1:
		p.probe.Send(immediateStop)
	case 2:
		if p.r.IntN(4) == 0 {
			p.probe.Send(Kill{})
		}
	case 3:
		p.probe.Send(Timing{Ladder: randomLadder(p.r), Watch: Watch{Interval: time.Second, Timeout: time.Duration(p.r.IntN(100)+1) * time.Second, ProgressTimeout: -1}})
	case 4, 5:
		p.asked++
		p.probe.Send(messages.Deliver{ID: p.asked})
	case 6:
		p.probe.Send(messages.Configure{Version: 2, Cause: messages.CauseReload})
	case 7:
		p.probe.Send(messages.Dump{})
	case 8:
		if p.r.IntN(8) == 0 {
			p.stopped = true
			p.probe.StopChild()
		}
	}
}

func (p *proxyRound) event() {
	if !p.begun || p.fails || p.child.isDead() {
		return
	}
	var e procbridge.Event
	switch p.r.IntN(8) {
	case 0, 1:
		e = procbridge.Frame{Event: messages.Ready{}}
	case 2:
		e = procbridge.Frame{Event: messages.Progress{}}
	case 3:
		e = procbridge.Frame{Event: messages.JobsDone{N: 1}}
	case 4:
		p.child.mute()
		return
	case 5:
		e = []procbridge.Event{procbridge.Garbage{Err: errors.New("bad")}, procbridge.Refused{}, procbridge.UpClosed{}}[p.r.IntN(3)]
	case 6, 7:
		if p.r.IntN(4) == 0 {
			p.child.exit(messages.Exit{Cause: messages.ExitReturned, Code: p.r.IntN(3)})
		}
		return
	}
	p.child.say(e)
}

// finish ends what has not ended and holds the promises.
func (p *proxyRound) finish() {
	p.t.Helper()
	synctest.Wait()
	if !p.stopped {
		p.probe.Send(Kill{})
		synctest.Wait()
		p.holds()
	}
	p.probe.Stop(p.t)
	p.pass(time.Second) // for what is left of dead letters
	if !p.fails {
		p.drained()
	}
}

func (p *proxyRound) holds() {
	p.t.Helper()
	e := p.exited()
	fails := p.fails || e.Exit.Detail == startHangs // it was told to end long before its start
	if fails != (e.Exit.Cause == messages.ExitFailed) || fails != (e.Pid == 0) {
		p.t.Errorf("exit %+v of a start that fails: %v", e, fails)
	}
	started, answers := 0, map[uint64]int{}
	for n, m := range p.said() {
		switch m := m.(type) {
		case ChildStarted:
			started++
		case ChildSaid:
			if reply, ok := m.Event.(messages.Reply); ok {
				answers[reply.ID]++
				continue
			}
			if started == 0 {
				p.t.Errorf("message %d, %v, before the start", n, m)
			}
		}
	}
	if started > 1 || started == 0 && !fails {
		p.t.Errorf("started %d times", started)
	}
	for _, d := range p.child.delivered {
		answers[d.ID]++
	}
	for id := range p.asked {
		if n := answers[id+1]; n != 1 {
			p.t.Errorf("message %d was delivered or answered %d times", id+1, n)
		}
	}
}
