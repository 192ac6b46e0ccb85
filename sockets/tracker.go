package sockets

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// Tracker counts open connections, so that a stop can wait for them: also for
// those http.Server has forgotten because they were hijacked. The zero value
// works. All methods may be called from any goroutine.
type Tracker struct {
	mu    sync.Mutex
	first *tracking     // the newest one that is open
	open  int           // how many there are
	empty chan struct{} // closed when the last one goes; nil if nobody waits
}

// tracking is one open connection's place in its tracker's list. It is part of the
// connection, so that counting costs no memory and no look-up of its own.
type tracking struct {
	t          *Tracker
	conn       net.Conn
	closed     func() // nil = nobody wants to know
	prev, next *tracking
	forgotten  bool
}

// Track counts c until it is closed and returns what to use in its place. TCP and
// unix connections keep all their methods (ReadFrom, CloseWrite …). Put TLS on
// top of the tracked connection, not below it. Tracking one twice counts it
// twice.
func (t *Tracker) Track(c net.Conn) net.Conn { return t.TrackFunc(c, nil) }

// TrackFunc is Track that also calls closed, once, when the connection has been closed. It
// is called where Close was, so it must not wait.
func (t *Tracker) TrackFunc(c net.Conn, closed func()) net.Conn {
	var tracked net.Conn
	var hook *tracking
	switch c := c.(type) {
	case *net.TCPConn:
		tc := &trackedTCP{TCPConn: c}
		tracked, hook = tc, &tc.hook
	case *net.UnixConn:
		uc := &trackedUnix{UnixConn: c}
		tracked, hook = uc, &uc.hook
	default:
		oc := &trackedConn{Conn: c}
		tracked, hook = oc, &oc.hook
	}
	hook.t, hook.conn, hook.closed = t, tracked, closed
	t.mu.Lock()
	defer t.mu.Unlock()
	if hook.next = t.first; hook.next != nil {
		hook.next.prev = hook
	}
	t.first = hook
	t.open++
	return tracked
}

// Listener tracks every connection ln accepts.
func (t *Tracker) Listener(ln net.Listener) net.Listener { return &trackedListener{ln, t} }

// Len is the number of connections open now.
func (t *Tracker) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open
}

// Drain waits until no connection is open. When ctx is done it closes those that
// are left and says how many in a *DrainError. Connections that are tracked
// meanwhile count as well: stop accepting first.
func (t *Tracker) Drain(ctx context.Context) error {
	for {
		t.mu.Lock()
		if t.open == 0 {
			t.mu.Unlock()
			return nil
		}
		if t.empty == nil {
			t.empty = make(chan struct{})
		}
		empty := t.empty
		t.mu.Unlock()
		select {
		case <-empty:
		case <-ctx.Done():
			return t.cut(context.Cause(ctx))
		}
	}
}

// cut closes what is left.
func (t *Tracker) cut(why error) error {
	t.mu.Lock()
	left := make([]net.Conn, 0, t.open)
	for h := t.first; h != nil; h = h.next {
		left = append(left, h.conn)
	}
	t.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	for _, c := range left {
		_ = c.Close()
	}
	return &DrainError{Closed: len(left), Err: why}
}

// forget takes a closed connection out of the list. The second Close of one changes
// nothing.
func (h *tracking) forget() {
	t := h.t
	t.mu.Lock()
	if h.forgotten {
		t.mu.Unlock()
		return
	}
	h.forgotten = true
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		t.first = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	h.prev, h.next = nil, nil
	if t.open--; t.open == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
	t.mu.Unlock()
	if h.closed != nil {
		h.closed()
	}
}

// DrainError is a Drain that ran out of time.
type DrainError struct {
	Closed int   // connections that had to be closed
	Err    error // the cause of the context's end
}

func (e *DrainError) Error() string {
	return fmt.Sprintf("sockets: drain: closed %d connections that were still open: %v", e.Closed, e.Err)
}

// Unwrap gives the cause.
func (e *DrainError) Unwrap() error { return e.Err }

type trackedTCP struct {
	*net.TCPConn
	hook tracking
}

func (c *trackedTCP) Close() error {
	defer c.hook.forget()
	return c.TCPConn.Close()
}

type trackedUnix struct {
	*net.UnixConn
	hook tracking
}

func (c *trackedUnix) Close() error {
	defer c.hook.forget()
	return c.UnixConn.Close()
}

type trackedConn struct {
	net.Conn
	hook tracking
}

func (c *trackedConn) Close() error {
	defer c.hook.forget()
	return c.Conn.Close()
}

type trackedListener struct {
	net.Listener
	t *Tracker
}

func (l *trackedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.t.Track(c), nil
}
