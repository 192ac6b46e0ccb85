//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ports hands out ports of this run's own, below those that the system gives to clients.
var ports atomic.Int64

func nextPort() int {
	ports.CompareAndSwap(0, int64(20000+os.Getpid()%8000))
	for {
		port := int(ports.Add(1))
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
}

// ask connects once and reads the whole answer: the worker's id.
func ask(port int) (worker int, err error) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second)) // a deadline can't fail on an open connection
	b, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	id, _, ok := strings.Cut(string(b), " ")
	if !ok {
		return 0, fmt.Errorf("closed without an answer, %q", b)
	}
	return strconv.Atoi(id)
}

// clients connect again and again, one connection a request, until they are to leave.
type clients struct {
	leave  chan struct{}
	once   sync.Once
	all    sync.WaitGroup
	served atomic.Int64
	mu     sync.Mutex
	failed []error
}

func (p *play) clientsCome() error {
	p.clients = &clients{leave: make(chan struct{})}
	for range 4 {
		p.clients.all.Go(func() { p.clients.visit(p.port) })
	}
	return until(patience, func() (bool, error) { return p.clients.served.Load() > 10, nil })
}

func (c *clients) visit(port int) {
	for {
		select {
		case <-c.leave:
			return
		default:
		}
		if _, err := ask(port); err != nil {
			c.mu.Lock()
			c.failed = append(c.failed, err)
			c.mu.Unlock()
			time.Sleep(time.Millisecond) // nobody is helped by thousands of these
			continue
		}
		c.served.Add(1)
	}
}

func (c *clients) stop() {
	c.once.Do(func() { close(c.leave) })
	c.all.Wait()
}

func (p *play) clientsLeave() error {
	c := p.clients
	served := c.served.Load()
	// Some more requests, so that the last change has been seen by all.
	err := until(patience, func() (bool, error) { return c.served.Load() > served+20, nil })
	c.stop()
	if n := len(c.failed); n > 0 {
		return fmt.Errorf("%d of %d requests failed, the first: %w", n, n+int(c.served.Load()), c.failed[0])
	}
	return err
}

func makeAnswers(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		seen := map[int]bool{}
		var last error
		err := until(patience, func() (bool, error) {
			var worker int
			if worker, last = ask(p.port); last == nil {
				seen[worker] = true
			}
			return len(seen) >= want, nil
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("answers of %d workers, the last error: %w", len(seen), errors.Join(last))
		}
		return err
	}, nil
}
