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
	leave  chan struct{}
	once   sync.Once
	all    sync.WaitGroup
	served atomic.Int64
	slow   atomic.Int64 // nanoseconds of the slowest answer

	mu      sync.Mutex
	lost    []loss
	excuses []*excuse
}

// loss is a request without an answer.
type loss struct {
	from, to time.Time
	err      error
}

// excuse is a time in which requests in hand may be lost, since a worker that had them was
// ended by force. Nothing excuses a refused connection.
type excuse struct {
	why      string
	pid      int // whose end ends it; 0 = it ends with the round
	long     bool
	from, to time.Time // to is zero while it lasts
}

func newLoad(port, n int) *load {
	l := &load{port: port, leave: make(chan struct{})}
	for range n {
		l.all.Go(l.visit)
	}
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
		err := request(l.port)
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
func request(port int) error {
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), 20*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // what fails is said by the read
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(b), "HTTP/1.1 200") || !strings.Contains(string(b), "hello from worker") {
		return fmt.Errorf("cut short: %q", b)
	}
	return nil
}

// excuse begins a time that ends when pid is gone.
func (l *load) excuse(why string, pid int) { l.add(&excuse{why: why, pid: pid}) }

// excuseLong is for a process that may live on: its time ends with the round.
func (l *load) excuseLong(why string, pid int) { l.add(&excuse{why: why, pid: pid, long: true}) }

func (l *load) excuseUntilSettled(why string) { l.add(&excuse{why: why, long: true}) }

func (l *load) add(e *excuse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.from = time.Now().Add(-50 * time.Millisecond) // it was called after the act, perhaps
	l.excuses = append(l.excuses, e)
}

// look ends the excuses whose process is gone; settled ends the others too.
func (l *load) look(settled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.excuses {
		if e.to.IsZero() && (settled || !e.long && !alive(e.pid)) {
			e.to = time.Now().Add(50 * time.Millisecond)
		}
	}
}

// judge reports requests that were lost without an excuse.
func (l *load) judge() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var problems []error
	for _, one := range l.lost {
		if !l.excused(one) {
			problems = append(problems, fmt.Errorf("a request lost without a reason, from %s to %s: %w", one.from.Format(clock), one.to.Format(clock), one.err))
		}
	}
	if len(problems) > 10 {
		problems = append(problems[:10], fmt.Errorf("and %d more", len(problems)-10))
	}
	return errors.Join(problems...)
}

// firstLoss is when the first request was lost that nothing excuses.
func (l *load) firstLoss() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.lost {
		if !l.excused(one) {
			return one.to
		}
	}
	return time.Time{}
}

const clock = "15:04:05.000"

func (l *load) excused(one loss) bool {
	if errors.Is(one.err, syscall.ECONNREFUSED) {
		return false
	}
	for _, e := range l.excuses {
		if one.to.After(e.from) && (e.to.IsZero() || one.from.Before(e.to)) {
			return true
		}
	}
	return false
}

func (l *load) summary() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d requests served, the slowest in %s, %d lost with killed workers", l.served.Load(), time.Duration(l.slow.Load()).Round(time.Millisecond), len(l.lost))
}
