package main

import (
	"fmt"
	"os"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

const (
	crashWorkers = 4
	// crashLimit is the time within which 99 of 100 replacements are ready.
	crashLimit = 50.0 // milliseconds
)

// crash kills one of four workers and takes the time from kill(2) until a subscriber of the
// EventStream gets its replacement's WorkerReady. The floor is a parent without the
// library: it kills its child, waits for it, starts the next and reads its first byte.
func crash(o options, r *report) error {
	t, err := startEngine(o.dir, idleApp(), func(c *serverengine.Config) {
		c.WorkerType, c.Workers = serverengine.Process, crashWorkers
		c.RestartBackoff, c.MaxRestarts = 0, 0
	})
	if err != nil {
		return err
	}
	if err := t.awaitServer(); err != nil {
		return err
	}
	k := &killer{tree: t}
	floor, err := startBare(roleHello, share(crashWorkers))
	if err != nil {
		return err
	}
	if err := floor.await(); err != nil {
		return err
	}
	p, err := interleave(o.pairs(300, 40), k.strike, func() (took float64, err error) {
		floor, took, err = replaceBare(floor)
		return took, err
	})
	if err != nil {
		return err
	}
	tellCrash(o, r, p)
	if err := floor.stop(); err != nil {
		return err
	}
	return t.stop()
}

func tellCrash(o options, r *report, p *pairs) {
	r.side("floor: kill, wait, exec, first byte", "ms", p.floor)
	r.side("ours: kill -9 until WorkerReady", "ms", p.ours)
	ours, floor := within(p.ours, crashLimit), within(p.floor, crashLimit)
	text := fmt.Sprintf("%.2f %% of %d within %g ms; median %.2f, p99 %.2f, worst %.2f ms",
		100*ours, len(p.ours), crashLimit, median(p.ours), percentile(p.ours, 0.99), percentile(p.ours, 1))
	if need := o.atLeast(0.99, 0.9); !need.holds(floor) {
		r.tell("crash", "%s; undecided: of the floor, %.2f %% are within it on this machine now", text, 100*floor)
	} else {
		r.count("crash", ours, text, need)
	}
	low, high := interval(p.ratios())
	r.tell("crash against the floor", "%.3f, 95 %% interval %.3f to %.3f; the floor's p99 %.2f, worst %.2f ms",
		median(p.ratios()), low, high, percentile(p.floor, 0.99), percentile(p.floor, 1))
}

// within is the share of values up to a limit.
func within(values []float64, limit float64) float64 {
	n := 0
	for _, v := range values {
		if v <= limit {
			n++
		}
	}
	return float64(n) / float64(len(values))
}

// killer kills workers in turn.
type killer struct {
	*tree
	next int
}

// strike kills one worker and waits for the next life of its slot.
func (k *killer) strike() (float64, error) {
	slot := k.next % crashWorkers
	k.next++
	victim, err := os.FindProcess(k.pids[slot])
	if err != nil {
		return 0, err
	}
	start := time.Now()
	if err := victim.Kill(); err != nil {
		return 0, fmt.Errorf("kill worker %d: %w", slot, err)
	}
	s, err := k.await("the replacement ready", func(e messages.Event) bool {
		r, ok := e.(messages.WorkerReady)
		return ok && r.Incarnation.Slot == slot
	})
	return milliseconds(s.at.Sub(start)), err
}

// replaceBare kills a bare child and starts the next.
func replaceBare(c *bareChild) (next *bareChild, took float64, err error) {
	start := time.Now()
	if err := c.kill(); err != nil {
		return nil, 0, err
	}
	if next, err = startBare(roleHello, share(crashWorkers)); err != nil {
		return nil, 0, err
	}
	err = next.await()
	return next, milliseconds(time.Since(start)), err
}
