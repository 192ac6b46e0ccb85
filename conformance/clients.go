//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

// lowPort is one that only root may open.
func lowPort() int {
	for {
		port := 600 + rand.IntN(400)
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = l.Close()
			return port
		}
		if errors.Is(err, fs.ErrPermission) {
			return port // the play is skipped
		}
	}
}

// ask connects once and reads the whole answer: the worker's id.
func (p *play) ask() (worker int, err error) {
	network, address := p.address()
	c, err := net.DialTimeout(network, address, 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second)) // a deadline can't fail on an open connection
	var b []byte
	if network == "udp" {
		b, err = askPacket(c)
	} else {
		b, err = io.ReadAll(c)
	}
	if err != nil {
		return 0, err
	}
	id, _, ok := strings.Cut(string(b), " ")
	if !ok {
		return 0, fmt.Errorf("closed without an answer, %q", b)
	}
	return strconv.Atoi(id)
}

// askPacket asks again soon, if it has to: packets may be lost.
func askPacket(c net.Conn) ([]byte, error) {
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 100)
	if _, err := c.Write([]byte("?")); err != nil {
		return nil, err
	}
	n, err := c.Read(b)
	return b[:n], err
}

// address is where this play's program listens.
func (p *play) address() (network, address string) {
	switch p.value("my_socket") {
	case "unix":
		return "unix", p.path("server.sock")
	case "udp":
		return "udp", "127.0.0.1:" + strconv.Itoa(p.port)
	}
	return "tcp", "127.0.0.1:" + strconv.Itoa(p.port)
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
		p.clients.all.Go(func() { p.clients.visit(p) })
	}
	return until(patience, func() (bool, error) { return p.clients.served.Load() > 10, nil })
}

func (c *clients) visit(p *play) {
	for {
		select {
		case <-c.leave:
			return
		default:
		}
		if _, err := p.ask(); err != nil {
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

// makeLeave sends the clients away and looks at what went wrong: everything, or, where
// workers were killed, only connections that nobody accepted.
func makeLeave(w words) (action, error) {
	counts := func(error) bool { return true }
	if w["what"] == "connection" {
		counts = func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
	}
	return func(p *play) error {
		c := p.clients
		served := c.served.Load()
		// Some more requests, so that the last change has been seen by all.
		err := until(patience, func() (bool, error) { return c.served.Load() > served+20, nil })
		c.stop()
		failed := slices.DeleteFunc(c.failed, func(err error) bool { return !counts(err) })
		if n := len(failed); n > 0 {
			return fmt.Errorf("%d of %d requests failed, the first: %w", n, n+int(c.served.Load()), failed[0])
		}
		return err
	}, nil
}

// makeAnswers asks, several at a time, until so many workers have answered.
func makeAnswers(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		seen := map[int]bool{}
		var last error
		err := until(patience, func() (bool, error) {
			var mu sync.Mutex
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					worker, err := p.ask()
					mu.Lock()
					defer mu.Unlock()
					if last = err; err == nil {
						seen[worker] = true
					}
				})
			}
			all.Wait()
			return len(seen) >= want, nil
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("answers of %d workers, the last error: %w", len(seen), errors.Join(last))
		}
		return err
	}, nil
}

// connect takes up a connection and leaves it alone: the system does that for whoever listens.
func (p *play) connect(limit time.Duration) (net.Conn, error) {
	network, address := p.address()
	return net.DialTimeout(network, address, limit)
}

// makeConnection looks whether anybody listens.
func makeConnection(w words) (action, error) {
	none := w["no"] == "no"
	return func(p *play) error {
		return until(patience, func() (bool, error) {
			c, err := p.connect(10 * time.Second)
			if err == nil {
				_ = c.Close()
			}
			return (err != nil) == none, nil
		})
	}, nil
}

// makeQueue counts how many connections wait where nobody accepts them: the next one does not
// come through.
func makeQueue(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		for i := range want {
			c, err := p.connect(10 * time.Second)
			if err != nil {
				return fmt.Errorf("only %d: %w", i, err)
			}
			defer c.Close()
		}
		c, err := p.connect(500 * time.Millisecond)
		if err == nil {
			_ = c.Close()
			return errors.New("there is place for more")
		}
		return nil
	}, nil
}

// makeSockets counts the listening sockets on this play's port.
func makeSockets(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		n := 0
		err := until(patience, func() (bool, error) {
			b, err := os.ReadFile("/proc/net/tcp")
			n = strings.Count(string(b), fmt.Sprintf(": 0100007F:%04X 00000000:0000 0A ", p.port))
			return n == want, err
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("there are %d", n)
		}
		return err
	}, nil
}
