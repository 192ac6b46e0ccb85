package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clients     = 64
	loadTime    = 100 * time.Millisecond // of one load
	maxRequests = 100_000                // of one load
)

// load is requests from this process: as many clients at once as there can be, each with
// one request under way, for a fixed time.
type load struct {
	address string
	pids    []int     // of the server's processes
	keep    bool      // each client keeps its connection; else a new one per request
	wrk     string    // path of wrk, which then is the clients; a new connection per request
	cpu     []float64 // of the server's processes, µs per request, of each run
}

// run returns the answers per second. A request without its whole answer is an error.
func (l *load) run() (float64, error) {
	if l.wrk != "" {
		return l.runWrk()
	}
	used := cpuTime(l.pids)
	var done atomic.Int64
	errs := make([]error, clients)
	var all sync.WaitGroup
	start := time.Now()
	until := start.Add(loadTime)
	for i := range clients {
		all.Go(func() { errs[i] = l.client(until, &done) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	n := float64(done.Load())
	l.cpu = append(l.cpu, 1000*milliseconds(cpuTime(l.pids)-used)/n)
	return n / time.Since(start).Seconds(), nil
}

// client sends one request after another.
func (l *load) client(until time.Time, done *atomic.Int64) error {
	c := &client{load: l}
	defer c.close()
	for time.Now().Before(until) && done.Add(1) <= maxRequests {
		if err := c.request(); err != nil {
			done.Add(-1)
			return fmt.Errorf("request to %s: %w", l.address, err)
		}
	}
	return nil
}

// client is one client's connection and buffer.
type client struct {
	*load
	conn net.Conn
	buf  [1024]byte
}

var (
	keepRequest  = []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
	closeRequest = []byte("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
	goodAnswer   = []byte("HTTP/1.1 200 OK\r\n")
	goodBody     = []byte("\r\n\r\n" + greeting)
)

func (c *client) request() error {
	if err := c.connect(); err != nil {
		return err
	}
	text := closeRequest
	if c.keep {
		text = keepRequest
	}
	if _, err := c.conn.Write(text); err != nil {
		return err
	}
	if err := c.answer(); err != nil || c.keep {
		return err
	}
	// The server closes first, so that the wait for late packets is on its side and this
	// side never runs out of ports.
	if _, err := c.conn.Read(c.buf[:]); !errors.Is(err, io.EOF) {
		return fmt.Errorf("after the answer: %w, want the end", err)
	}
	return c.close()
}

func (c *client) connect() (err error) {
	if c.conn != nil {
		return nil
	}
	if c.conn, err = net.Dial("tcp", c.address); err != nil {
		return err
	}
	return c.conn.SetDeadline(time.Now().Add(patience))
}

// answer reads one answer, of which everything but the date is known.
func (c *client) answer() error {
	n := 0
	for !bytes.HasSuffix(c.buf[:n], goodBody) {
		if n == len(c.buf) {
			return fmt.Errorf("a long answer: %q", c.buf[:n])
		}
		got, err := c.conn.Read(c.buf[n:])
		if n += got; err != nil {
			return fmt.Errorf("%w after %q", err, c.buf[:n])
		}
	}
	if !bytes.HasPrefix(c.buf[:n], goodAnswer) {
		return fmt.Errorf("answer %q", c.buf[:n])
	}
	return nil
}

func (c *client) close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}
