package workers

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go/sockets"
)

// unread counts the connections of an http.Server that are new: no request of theirs has
// reached a handler yet, the first one may be on its way. From Shutdown on, the server reads
// such a request and hangs up instead of answering it.
//
// Every request passes handled, so there is no lock on its way.
type unread struct {
	count atomic.Int64
	none  chan struct{} // 1: the count has been 0 since this was taken
	last  *arrival      // the one accepted last; only the server's accept loop touches it
}

// arrival is a new connection, as its requests see it.
type arrival struct {
	of   *unread
	news atomic.Bool // its first request has not come
}

// arrivalKey is the key of the connection's arrival in a request's context.
type arrivalKey struct{}

// watch hooks into a server that does not run yet and returns what it is to accept from.
// What the user has hooked in goes on.
func (u *unread) watch(srv *http.Server, l net.Listener, conns *sockets.Tracker) net.Listener {
	u.none = make(chan struct{}, 1)
	with := srv.ConnContext
	// The server calls it for what it has just accepted.
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if with != nil {
			ctx = with(ctx, c)
		}
		return context.WithValue(ctx, arrivalKey{}, u.last)
	}
	return &arrivals{l, conns, u}
}

// arrivals is a listener that tells unread and the tracker of what it accepts.
type arrivals struct {
	net.Listener
	conns  *sockets.Tracker
	unread *unread
}

func (l *arrivals) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if _, is := c.(*tls.Conn); is { // http.Server knows TLS by this type
		l.unread.last = nil
		return c, nil
	}
	a := &arrival{of: l.unread}
	a.news.Store(true)
	l.unread.count.Add(1)
	l.unread.last = a
	return l.conns.TrackFunc(c, a.over), nil
}

// over is called when the connection is not new any more, or closed.
func (a *arrival) over() {
	if a.news.CompareAndSwap(true, false) && a.of.count.Add(-1) == 0 {
		select {
		case a.of.none <- struct{}{}:
		default:
		}
	}
}

// handled is called when a handler has the request.
func (u *unread) handled(r *http.Request) {
	if a, ok := r.Context().Value(arrivalKey{}).(*arrival); ok && a != nil && a.news.Load() {
		a.over()
	}
}

// silence is how long a connection may be new without a request before nothing is expected
// of it any more. It is that of http.Server.
const silence = 5 * time.Second

// await waits until no request is on its way, until nothing is expected any more, or for end.
// The server accepts no more.
func (u *unread) await(end context.Context) {
	timer := time.NewTimer(silence)
	defer timer.Stop()
	for u.count.Load() > 0 {
		select {
		case <-u.none:
		case <-timer.C:
			return
		case <-end.Done():
			return
		}
	}
}
