package main

import (
	"context"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// idleApp is a worker that is ready at once and does nothing.
func idleApp() serverengine.App {
	return serverengine.App{Name: "idle", Worker: serverengine.Func(func(ctx context.Context, self *serverengine.Self) error {
		self.Ready()
		<-ctx.Done()
		return nil
	})}
}

// ready compares two times, both taken in this process with no other child alive:
//
//	floor   from the call of os/exec's Start until a byte is read that the child writes in
//	        the first line of main
//	ours    from the BeforeStart hook, which is called right before the start, until a
//	        subscriber of the EventStream gets WorkerReady
//
// Ours holds the floor's whole way, as it is the same program, and all that the library
// does on both sides: pipes, configuration, Hello, the actors up to the event.
func ready(o options, r *report) error {
	starts := make(chan time.Time, 1)
	app := idleApp()
	app.BeforeStart = func(serverengine.Slot) error {
		starts <- time.Now()
		return nil
	}
	t, err := startEngine(o.dir, app, func(c *serverengine.Config) {
		c.WorkerType, c.Workers = serverengine.Process, 0
	})
	if err != nil {
		return err
	}
	if err := t.awaitServer(); err != nil {
		return err
	}
	p, err := interleave(o.pairs(200, 30), func() (float64, error) { return t.scaleUp(starts) }, bareStart)
	if err != nil {
		return err
	}
	r.side("floor: exec until the first byte of main", "ms", p.floor)
	r.side("ours: start call until WorkerReady", "ms", p.ours)
	r.ratio("ready", p.ratios(), o.atMost(1.3, 1.8))
	return t.stop()
}

// scaleUp measures the start of one worker, and ends it.
func (t *tree) scaleUp(starts <-chan time.Time) (float64, error) {
	t.send(messages.Scale{Workers: 1})
	s, err := t.await("a worker ready", func(e messages.Event) bool {
		_, ok := e.(messages.WorkerReady)
		return ok
	})
	if err != nil {
		return 0, err
	}
	took := s.at.Sub(<-starts)
	t.send(messages.Scale{Workers: 0})
	_, err = t.await("the worker's end", func(e messages.Event) bool {
		_, ok := e.(messages.WorkerExited)
		return ok
	})
	return milliseconds(took), err
}

// bareStart measures the start of a bare child, and ends it.
func bareStart() (float64, error) {
	start := time.Now()
	c, err := startBare(roleHello, nil)
	if err != nil {
		return 0, err
	}
	if err := c.await(); err != nil {
		return 0, err
	}
	took := time.Since(start)
	return milliseconds(took), c.stop()
}
