//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// load are clients with one connection a request, and the account of what they missed.
type load struct {
	port   int
	n      int // clients
	leave  chan struct{}
	once   sync.Once
	all    sync.WaitGroup
	served atomic.Int64
	slow   atomic.Int64 // nanoseconds of the slowest answer

	mu      sync.Mutex
	lost    []loss // not judged yet
	excuses []*excuse
	excused int // requests
}

// loss is a request without an answer.
type loss struct {
	from, to time.Time
	err      error
}

// excuse is a time in which requests in hand may be lost, since a worker that had them was
// ended by force: so many at most. Nothing excuses a refused connection.
type excuse struct {
	why      string
	pid      int       // whose end ends it; 0 = it ends with the round
	from, to time.Time // to is zero while it lasts
	left     int       // requests
}

func newLoad(port, n int) *load {
	l := &load{port: port, n: n, leave: make(chan struct{})}
	for range n {
		l.all.Go(l.visit)
	}
	l.all.Go(l.watch)
	return l
}

func (l *load) stop() {
	l.once.Do(func() { close(l.leave) })
	l.all.Wait()
}

func (l *load) visit() {
	for {
		select {
		case <-l.leave:
			return
		default:
		}
		from := time.Now()
		_, err := request(l.port)
		took := time.Since(from)
		if err != nil {
			l.mu.Lock()
			l.lost = append(l.lost, loss{from, time.Now(), err})
			l.mu.Unlock()
			continue
		}
		l.served.Add(1)
		if int64(took) > l.slow.Load() {
			l.slow.Store(int64(took)) // the largest but for a race of two
		}
		time.Sleep(2 * time.Millisecond) // the tree shall have some of the processor, too
	}
}

// request is one HTTP request on a connection of its own.
func request(port int) (string, error) {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), 20*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // what fails is said by the read
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(string(b), "HTTP/1.1 200") || !strings.Contains(string(b), "hello from worker") {
		return "", fmt.Errorf("cut short: %q", b)
	}
	return string(b), nil
}

// watch ends the excuses of processes that are gone, soon after they are.
func (l *load) watch() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-l.leave:
			return
		case <-tick.C:
			l.look(false)
		}
	}
}

// excuse begins a time that ends when pid is gone. Each client has one request in hand. If
// pid lives on, nothing was excused.
func (l *load) excuse(why string, pid int) { l.add(&excuse{why: why, pid: pid, left: l.n}) }

// excuseServer is for a server that may have to end all its workers at once before it ends.
func (l *load) excuseServer(why string, pid int) {
	l.add(&excuse{why: why, pid: pid, left: l.n * most})
}

// excuseUntilSettled is for the end of all of these workers, or of those that follow them.
func (l *load) excuseUntilSettled(why string, workers int) {
	l.add(&excuse{why: why, left: l.n * workers})
}

func (l *load) add(e *excuse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.from = time.Now().Add(-margin) // it was called after the act, perhaps
	l.excuses = append(l.excuses, e)
}

// margin is what the clocks of an act and of a loss may differ.
const margin = 50 * time.Millisecond

// look ends the excuses whose process is gone; settled ends those of a round, and withdraws
// those of processes that live.
func (l *load) look(settled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.excuses {
		switch {
		case !e.to.IsZero():
		case e.pid != 0 && !alive(e.pid), e.pid == 0 && settled:
			e.to = time.Now().Add(margin)
		case settled:
			e.to, e.left = time.Now(), 0
		}
	}
}

// judge reports requests that were lost without an excuse since it was last called.
func (l *load) judge() (first time.Time, problem error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var problems []error
	for _, one := range l.lost {
		if l.pardon(one) {
			l.excused++
			continue
		}
		if len(problems) == 0 {
			first = one.to
		}
		problems = append(problems, fmt.Errorf("a request lost without a reason, from %s to %s: %w", one.from.Format(clock), one.to.Format(clock), one.err))
	}
	l.lost = nil
	if n := len(problems); n > 10 {
		problems = append(problems[:10], fmt.Errorf("and %d more", n-10))
	}
	return first, errors.Join(problems...)
}

const clock = "15:04:05.000"

// pardon finds the excuse for a loss, of several the one that was over first.
func (l *load) pardon(one loss) bool {
	if errors.Is(one.err, syscall.ECONNREFUSED) {
		return false
	}
	var best *excuse
	for _, e := range l.excuses {
		fits := e.left > 0 && one.to.After(e.from) && (e.to.IsZero() || one.from.Before(e.to))
		if fits && (best == nil || !e.to.IsZero() && (best.to.IsZero() || e.to.Before(best.to))) {
			best = e
		}
	}
	if best == nil {
		return false
	}
	best.left--
	return true
}

func (l *load) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d requests served, the slowest in %s, %d lost with killed workers", l.served.Load(), time.Duration(l.slow.Load()).Round(time.Millisecond), l.excused)
}
