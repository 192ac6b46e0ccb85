package workers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/serverengine/serverengine-go/sockets"
)

// Serve runs an http.Server on a listener and says that the worker is ready. It returns
// nil after ctx was cancelled and every request in hand was answered, and the server's
// error if it ends for another reason.
//
// A stop loses no request, neither of clients that connect anew nor of those that keep
// connections: first the listener is closed; for drain_wait, answers carry "Connection:
// close", so that clients leave by themselves; requests that are on their way are answered,
// also on a new connection that has been silent for up to 5 s; then idle connections are
// closed and the rest is waited for, hijacked ones and those given to Self.Track included, at most
// worker_graceful_kill_timeout. Serve wraps srv.Handler.
func Serve(ctx context.Context, self *Self, srv *http.Server, l net.Listener) error {
	inner := srv.Handler
	if inner == nil {
		inner = http.DefaultServeMux
	}
	var coming unread
	coming.watch(srv)
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coming.handled(r)
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		inner.ServeHTTP(w, r)
	})
	var conns sockets.Tracker // hijacked connections too, which the server forgets
	served := make(chan error, 1)
	go func() { served <- srv.Serve(conns.Listener(l)) }()
	self.Ready()
	select {
	case err := <-served:
		if ctx.Err() == nil {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
	case <-ctx.Done():
		if _, drains := l.(*sockets.DrainingListener); !drains {
			_ = l.Close() // Self has closed it already if it came from there
		}
		<-served
	}
	return drain(self, srv, &conns, &coming)
}

func drain(self *Self, srv *http.Server, conns *sockets.Tracker, coming *unread) error {
	cfg := self.Config()
	wait := time.NewTimer(cfg.DrainWait)
	defer wait.Stop()
	<-wait.C
	coming.await()
	ctx, cancel := context.WithCancel(context.Background())
	if limit := cfg.WorkerGracefulKillTimeout; limit >= 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	if err := errors.Join(srv.Shutdown(ctx), conns.Drain(ctx), self.Drain(ctx)); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), srv.Close())
	}
	return nil
}
