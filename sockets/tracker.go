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
	conns map[net.Conn]struct{}
	empty chan struct{} // closed when the last one goes; nil if nobody waits
}

// Track counts c until it is closed and returns what to use in its place. TCP and
// unix connections keep all their methods (ReadFrom, CloseWrite …). Put TLS on
// top of the tracked connection, not below it. Tracking one twice counts it
// twice.
func (t *Tracker) Track(c net.Conn) net.Conn {
	var tracked net.Conn
	switch c := c.(type) {
	case *net.TCPConn:
		tc := &trackedTCP{TCPConn: c}
		tc.hook.t, tc.hook.self, tracked = t, tc, tc
	case *net.UnixConn:
		uc := &trackedUnix{UnixConn: c}
		uc.hook.t, uc.hook.self, tracked = t, uc, uc
	default:
		oc := &trackedConn{Conn: c}
		oc.hook.t, oc.hook.self, tracked = t, oc, oc
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns == nil {
		t.conns = make(map[net.Conn]struct{})
	}
	t.conns[tracked] = struct{}{}
	return tracked
}

// Listener tracks every connection ln accepts.
func (t *Tracker) Listener(ln net.Listener) net.Listener { return &trackedListener{ln, t} }

// Len is the number of connections open now.
func (t *Tracker) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// Drain waits until no connection is open. When ctx is done it closes those that
// are left and says how many in a *DrainError. Connections that are tracked
// meanwhile count as well: stop accepting first.
func (t *Tracker) Drain(ctx context.Context) error {
	for {
		t.mu.Lock()
		if len(t.conns) == 0 {
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
	left := make([]net.Conn, 0, len(t.conns))
	for c := range t.conns {
		left = append(left, c)
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

func (t *Tracker) forget(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	if len(t.conns) == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
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

// trackHook makes the first Close count.
type trackHook struct {
	t    *Tracker
	self net.Conn
	once sync.Once
}

func (h *trackHook) closed() { h.once.Do(func() { h.t.forget(h.self) }) }

type trackedTCP struct {
	*net.TCPConn
	hook trackHook
}

func (c *trackedTCP) Close() error {
	defer c.hook.closed()
	return c.TCPConn.Close()
}

type trackedUnix struct {
	*net.UnixConn
	hook trackHook
}

func (c *trackedUnix) Close() error {
	defer c.hook.closed()
	return c.UnixConn.Close()
}

type trackedConn struct {
	net.Conn
	hook trackHook
}

func (c *trackedConn) Close() error {
	defer c.hook.closed()
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
