package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

const (
	bodySize  = 64   // bytes
	batchSize = 512  // messages, of which the last asks for the count
	window    = 8    // batches under way
	queueSize = 8192 // user frames at each hop: more than the window
)

// echo is the worker. It answers with the same body, into which it writes how many it has
// got so far.
type echo struct{ got uint64 }

func echoApp() serverengine.App {
	return serverengine.App{Name: "echo", Worker: func(*serverengine.Self) (serverengine.Worker, error) { return &echo{}, nil }}
}

func (e *echo) Run(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	<-ctx.Done()
	return nil
}

// Receive is called for one message after another.
func (e *echo) Receive(_ context.Context, message any) (any, error) {
	b, ok := message.([]byte)
	if !ok || len(b) != bodySize {
		return nil, fmt.Errorf("got %T", message)
	}
	e.got++
	binary.BigEndian.PutUint64(b, e.got)
	return message, nil
}

// answerFrames is the same without actors and without a worker: the floor.
func answerFrames() int {
	parent, err := procbridge.Inherited()
	if err != nil || parent == nil {
		fmt.Fprintf(os.Stderr, "no bridge: %v\n", err)
		return 1
	}
	if err := parent.Hello("bench"); err != nil {
		return 1
	}
	var got uint64
	for d := range parent.Deliveries() {
		got++
		binary.BigEndian.PutUint64(d.Body, got)
		if d.ID == 0 {
			continue
		}
		if err := parent.Reply(messages.Reply{ID: d.ID, Body: d.Body}); err != nil {
			return 1
		}
	}
	return 0
}

// peer is one side of the comparison: the way to a process that counts.
type peer interface {
	tell(body []byte) error
	ask(body []byte) (answer, error)
	stop() error
}

// answer waits for the count.
type answer func() (uint64, error)

// bodies compares the way of a message through engine, server and proxy to Receive with
// the way of the same frame between two processes.
func bodies(o options, r *report) error {
	ours, err := startEcho(o)
	if err != nil {
		return err
	}
	floor, err := startFrames()
	if err != nil {
		return err
	}
	if err := compareOneWay(o, r, ours, floor); err != nil {
		return err
	}
	if err := compareRoundTrips(o, r, ours, floor); err != nil {
		return err
	}
	if err := floor.stop(); err != nil {
		return err
	}
	return ours.stop()
}

func compareOneWay(o options, r *report, ours, floor peer) error {
	batches := o.size(400, 100)
	p, err := interleave(o.pairs(41, 11),
		func() (float64, error) { return oneWay(ours, batches) },
		func() (float64, error) { return oneWay(floor, batches) })
	if err != nil {
		return err
	}
	r.side("floor: frames of 64 bytes one way", "million/s", p.floor)
	r.side("ours: Tell until Receive", "million/s", p.ours)
	r.ratio("messages one way", p.ratios(), o.atLeast(0.5, 0.3))
	return nil
}

func compareRoundTrips(o options, r *report, ours, floor peer) error {
	trips := o.size(5000, 1000)
	p, err := interleave(o.pairs(41, 11),
		func() (float64, error) { return roundTrips(ours, trips) },
		func() (float64, error) { return roundTrips(floor, trips) })
	if err != nil {
		return err
	}
	r.side("floor: frame and reply", "µs", p.floor)
	r.side("ours: Ask and reply", "µs", p.ours)
	r.ratio("messages round trip", p.ratios(), o.atMost(2, 3))
	return nil
}

// oneWay sends batches and returns millions of messages per second. The last message of a
// batch asks for the count, which proves that all before it were received; so many batches
// are under way that nobody waits for an answer.
func oneWay(to peer, batches int) (float64, error) {
	var f flight
	body := make([]byte, bodySize)
	start := time.Now()
	for range batches {
		for range batchSize - 1 {
			if err := to.tell(body); err != nil {
				return 0, err
			}
		}
		a, err := to.ask(body)
		if err != nil {
			return 0, err
		}
		if err := f.add(a); err != nil {
			return 0, err
		}
	}
	if err := f.land(0); err != nil {
		return 0, err
	}
	return float64(batches*batchSize) / 1e6 / time.Since(start).Seconds(), nil
}

// flight are the batches under way.
type flight struct {
	under []answer
	count uint64 // at the last answer; 0 = none yet
}

func (f *flight) add(a answer) error {
	f.under = append(f.under, a)
	return f.land(window - 1)
}

// land waits until at most so many batches are under way.
func (f *flight) land(left int) error {
	for len(f.under) > left {
		got, err := f.under[0]()
		if err != nil {
			return err
		}
		if f.count != 0 && got != f.count+batchSize {
			return fmt.Errorf("%d messages have arrived, want %d", got, f.count+batchSize)
		}
		f.count, f.under = got, f.under[1:]
	}
	return nil
}

// roundTrips asks again and again and returns the mean time of one in microseconds.
func roundTrips(to peer, n int) (float64, error) {
	body := make([]byte, bodySize)
	start := time.Now()
	for range n {
		a, err := to.ask(body)
		if err != nil {
			return 0, err
		}
		if _, err := a(); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start).Microseconds()) / float64(n), nil
}

// echoPeer is a worker under an engine.
type echoPeer struct{ *tree }

func startEcho(o options) (peer, error) {
	t, err := startEngine(o.dir, echoApp(), func(c *serverengine.Config) {
		c.WorkerType, c.Workers, c.WorkerQueueSize = serverengine.Process, 1, queueSize
	})
	if err != nil {
		return nil, err
	}
	return echoPeer{t}, t.awaitServer()
}

func (p echoPeer) tell(body []byte) error {
	p.send(messages.Tell{Body: body})
	return nil
}

func (p echoPeer) ask(body []byte) (answer, error) {
	f := p.system.Root.RequestFuture(p.engine, messages.Ask{Body: body, Timeout: patience}, patience)
	return func() (uint64, error) { return count(f) }, nil
}

func count(f *actor.Future) (uint64, error) {
	v, err := f.Result()
	if err != nil {
		return 0, err
	}
	b, ok := v.([]byte)
	if !ok || len(b) != bodySize {
		return 0, fmt.Errorf("the worker answered %v", v)
	}
	return binary.BigEndian.Uint64(b), nil
}

// framePeer is a child of the bridge alone.
type framePeer struct {
	child *procbridge.Process
	last  uint64
}

func startFrames() (peer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child, err := procbridge.Start(procbridge.Command{
		Path: self, Env: append(os.Environ(), roleVar+"="+roleWire), Stderr: os.Stderr, Wire: true, UserQueue: queueSize,
	})
	if err != nil {
		return nil, err
	}
	p := &framePeer{child: child}
	if e, err := p.event(); err != nil {
		return nil, fmt.Errorf("wait for Hello: %v: %w", e, err)
	}
	return p, nil
}

func (p *framePeer) event() (messages.Event, error) {
	e, open := <-p.child.Events()
	f, ok := e.(procbridge.Frame)
	if !open || !ok {
		return nil, fmt.Errorf("the child with frames ended: %v", e)
	}
	return f.Event, nil
}

func (p *framePeer) tell(body []byte) error { return p.child.Deliver(messages.Deliver{Body: body}) }

func (p *framePeer) ask(body []byte) (answer, error) {
	p.last++
	return p.reply, p.child.Deliver(messages.Deliver{ID: p.last, Body: body})
}

func (p *framePeer) reply() (uint64, error) {
	e, err := p.event()
	if err != nil {
		return 0, err
	}
	m, ok := e.(messages.Reply)
	if !ok || len(m.Body) != bodySize {
		return 0, fmt.Errorf("the child with frames answered %v", e)
	}
	return binary.BigEndian.Uint64(m.Body), nil
}

// stop closes its life-line and waits for its end.
func (p *framePeer) stop() error {
	p.child.CloseLifeline()
	for e := range p.child.Events() {
		if x, ok := e.(procbridge.Exited); ok && !x.Exit.Ok() {
			return fmt.Errorf("the child with frames ended: %s", x.Exit)
		}
	}
	return nil
}
