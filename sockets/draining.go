package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// DrainingListener is a copy of a listener whose end loses no queued connection:
// after Drain its Accept gives what the kernel has queued, and only then
// net.ErrClosed. A worker that leaves a pinned socket nobody else accepts from
// needs it; on a shared socket it takes part of what others would take as well.
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

// Drain begins the end. It does not wait; somebody has to go on calling Accept.
// A second call changes nothing.
func (l *DrainingListener) Drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining || l.closed {
		return
	}
	l.draining, l.until = true, time.Now().Add(l.limit)
	_ = l.Listener.(deadliner).SetDeadline(time.Unix(1, 0)) // wakes Accept
}

// Accept is net.Listener's. After Drain it never waits.
func (l *DrainingListener) Accept() (net.Conn, error) {
	if !l.isDraining() {
		c, err := l.Listener.Accept()
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !l.isDraining() {
			return c, err
		}
	}
	return l.rest()
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
		if c != nil || err != nil {
			return c, err
		}
	}
	_ = l.Close()
	return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
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
