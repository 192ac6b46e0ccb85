package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DrainingListener is a copy of a listener whose end loses no queued connection:
// after Drain its Accept gives what the kernel has queued, and only then
// net.ErrClosed. A worker that leaves a pinned socket nobody else accepts from
// needs it; on a shared socket it takes part of what others would take as well.
// A slot that the owner has released is net.ErrClosed too.
type DrainingListener struct {
	net.Listener
	limit time.Duration

	mu       sync.Mutex
	draining bool
	until    time.Time
	closed   bool
}

// deadliner is what Drain wakes a blocked Accept with.
type deadliner interface{ SetDeadline(time.Time) error }

// NewDrainingListener takes ln, a TCP or unix listener, over. limit bounds how
// long after Drain connections are still accepted, should new ones come faster
// than they are taken; 0 is 1 s.
func NewDrainingListener(ln net.Listener, limit time.Duration) (*DrainingListener, error) {
	if _, ok := ln.(deadliner); !ok {
		return nil, fmt.Errorf("sockets: cannot drain a %T: %w", ln, errors.ErrUnsupported)
	}
	if limit <= 0 {
		limit = time.Second
	}
	return &DrainingListener{Listener: ln, limit: limit}, nil
}

// Drain begins the end of one who leaves a socket that goes on: there is, or will
// be, another who accepts from it. It does not wait; somebody has to go on calling
// Accept. A second call changes nothing.
func (l *DrainingListener) Drain() { l.drain(0, l.limit) }

// DrainLast is Drain for the last one who accepts from a socket, which no new
// connection is steered to any more (see Server.SetSlots). A handshake that was
// under way then ends a round trip later, or more where a packet is lost: for grace
// Accept goes on waiting. Then it gives what is queued; limit, from the end of
// grace, is far away, since the queue only becomes shorter.
func (l *DrainingListener) DrainLast(grace, limit time.Duration) { l.drain(grace, limit) }

func (l *DrainingListener) drain(grace, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining || l.closed {
		return
	}
	now := time.Now()
	l.draining, l.until = true, now.Add(grace+limit)
	end := time.Unix(1, 0) // wakes Accept
	if grace > 0 {
		end = now.Add(grace)
	}
	_ = l.Listener.(deadliner).SetDeadline(end)
}

// Accept is net.Listener's. After Drain it never waits, after DrainLast for as long
// as was said there.
func (l *DrainingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) && l.isDraining() {
		c, err = l.rest()
	}
	if errors.Is(err, syscall.EINVAL) { // it listens no more: its owner has ended it for all copies
		_ = l.Close()
		return nil, l.opError(net.ErrClosed)
	}
	return c, err
}

func (l *DrainingListener) isDraining() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.draining
}

// rest gives one queued connection or closes.
func (l *DrainingListener) rest() (net.Conn, error) {
	l.mu.Lock()
	over := l.closed || time.Now().After(l.until)
	l.mu.Unlock()
	if !over {
		c, err := acceptQueued(l.Listener)
		if err != nil {
			return nil, l.opError(err) // as net has it: http.Server goes on after EMFILE
		}
		if c != nil {
			return c, nil
		}
	}
	_ = l.Close()
	return nil, l.opError(net.ErrClosed)
}

func (l *DrainingListener) opError(err error) error {
	return &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: err}
}

// Close ends Accept at once. Closing twice is fine.
func (l *DrainingListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.Listener.Close()
}
