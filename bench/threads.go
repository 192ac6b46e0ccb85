package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// crashers makes every tenth worker's first life fail when it is closed.
var crashers atomic.Pointer[chan struct{}]

var errCrash = errors.New("every tenth worker fails once")

// threadApp is a worker that is ready at once. The first life of every tenth one fails.
func threadApp() serverengine.App {
	return serverengine.App{Name: "thread", Worker: serverengine.Func(func(ctx context.Context, self *serverengine.Self) error {
		self.Ready()
		var fail <-chan struct{}
		if c := crashers.Load(); c != nil && self.ID()%10 == 0 && firstLife(self) {
			fail = *c
		}
		select {
		case <-fail:
			return errCrash
		case <-ctx.Done():
			return nil
		}
	})}
}

func firstLife(self *serverengine.Self) bool {
	return self.Incarnation() == fmt.Sprintf("1.%d.1", self.ID())
}

// threads starts thread workers, lets every tenth fail at one moment, and waits for all to
// be back.
func threads(o options, r *report) error {
	n := o.size(10000, 1000)
	fail := make(chan struct{})
	crashers.Store(&fail)
	before := memory()
	start := time.Now()
	t, err := startEngine(o.dir, threadApp(), func(c *serverengine.Config) {
		c.WorkerType, c.Workers, c.LogLevel = serverengine.Thread, n, "fatal"
		c.RestartBackoff, c.MaxRestarts = 0, 0
	})
	if err != nil {
		return err
	}
	if err := t.awaitServer(); err != nil {
		return err
	}
	up := time.Since(start)
	used := float64(memory()-before) / float64(n)
	start = time.Now()
	close(fail)
	back, err := t.awaitBack(n / 10)
	if err != nil {
		return err
	}
	again := time.Since(start)
	start = time.Now()
	if err := t.stop(); err != nil {
		return err
	}
	r.tell("threads start", "%d ready in %.1f ms, %.1f µs and %.1f KiB each", n,
		milliseconds(up), 1000*milliseconds(up)/float64(n), used/1024)
	r.count("threads back", float64(back), fmt.Sprintf("%d of %d that failed at once are back, the last after %.1f ms",
		back, n/10, milliseconds(again)), bound{limit: float64(n / 10), atLeast: true})
	r.tell("threads stop", "%.1f ms", milliseconds(time.Since(start)))
	return nil
}

// awaitBack waits until so many second lives are ready, and counts them.
func (t *tree) awaitBack(n int) (back int, err error) {
	slots := map[int]bool{}
	_, err = t.await("all failed workers ready again", func(e messages.Event) bool {
		if r, ok := e.(messages.WorkerReady); ok && r.Incarnation.Life == 2 {
			slots[r.Incarnation.Slot] = true
		}
		return len(slots) == n
	})
	return len(slots), err
}

// memory is what heap and stacks hold in use, in bytes, after a collection.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
