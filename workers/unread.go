package workers

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// unread knows the connections of an http.Server whose next request may be on its way: it
// has begun to come, or the connection is new, and no handler has it yet. From Shutdown on,
// the server reads such a request and hangs up instead of answering it.
type unread struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	empty chan struct{} // closed when the last one goes; nil if nobody waits
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// watch hooks into a server that does not run yet. What the user has hooked in goes on.
func (u *unread) watch(srv *http.Server) {
	state, with := srv.ConnState, srv.ConnContext
	srv.ConnState = func(c net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew, http.StateActive:
			u.add(c)
		default:
			u.remove(c)
		}
		if state != nil {
			state(c, s)
		}
	}
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if with != nil {
			ctx = with(ctx, c)
		}
		return context.WithValue(ctx, connKey{}, c)
	}
}

// handled is called when a handler has the request.
func (u *unread) handled(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		u.remove(c)
	}
}

func (u *unread) add(c net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.conns == nil {
		u.conns = make(map[net.Conn]struct{})
	}
	u.conns[c] = struct{}{}
}

func (u *unread) remove(c net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.conns, c)
	if len(u.conns) == 0 && u.empty != nil {
		close(u.empty)
		u.empty = nil
	}
}

// silence is how long a connection may be new without a request before nothing is expected
// of it any more. It is that of http.Server.
const silence = 5 * time.Second

// await waits until no request is on its way, or until nothing is expected any more.
func (u *unread) await() {
	u.mu.Lock()
	if len(u.conns) == 0 {
		u.mu.Unlock()
		return
	}
	if u.empty == nil {
		u.empty = make(chan struct{})
	}
	empty := u.empty
	u.mu.Unlock()
	timer := time.NewTimer(silence)
	defer timer.Stop()
	select {
	case <-empty:
	case <-timer.C:
	}
}
