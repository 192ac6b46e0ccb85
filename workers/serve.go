package workers

import (
	"context"
	"crypto/tls"
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
// closed and the rest is waited for, hijacked ones and those given to Self.Track included. All
// that takes at most worker_graceful_kill_timeout, less a tenth of it or a second; then the rest
// is cut off, and the error says how much that was. With socket_reuseport what is queued
// is accepted before the listener is closed, also where l wraps the one from Self and has its
// address. Serve wraps srv.Handler and srv.ConnContext. For TLS, there is
// ServeTLS; of a listener that gives *tls.Conn, Serve does not know what is hijacked or new.
func Serve(ctx context.Context, self *Self, srv *http.Server, l net.Listener) error {
	return serve(ctx, self, srv, l, srv.Serve)
}

// ServeTLS is Serve with TLS (and with it HTTP/2), as http.Server's ServeTLS: the files may be
// "" if srv.TLSConfig has the certificates. HTTP/2 clients are told to leave by GOAWAY.
func ServeTLS(ctx context.Context, self *Self, srv *http.Server, l net.Listener, certFile, keyFile string) error {
	if err := certified(srv.TLSConfig, certFile, keyFile); err != nil {
		return fmt.Errorf("serve TLS on %s: %w", l.Addr(), err)
	}
	return serve(ctx, self, srv, l, func(l net.Listener) error { return srv.ServeTLS(l, certFile, keyFile) })
}

// certified fails where http.Server would, but before the worker is called ready.
func certified(c *tls.Config, certFile, keyFile string) error {
	has := c != nil && (len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil)
	switch {
	case certFile != "" || keyFile != "":
		_, err := tls.LoadX509KeyPair(certFile, keyFile)
		return err
	case !has:
		return errors.New("there is no certificate: give certFile and keyFile, or TLSConfig.Certificates")
	}
	return nil
}

// serve runs until the end of ctx or of run, which accepts.
func serve(ctx context.Context, self *Self, srv *http.Server, l net.Listener, run func(net.Listener) error) error {
	inner := srv.Handler
	if inner == nil {
		inner = http.DefaultServeMux
	}
	var coming unread
	var conns sockets.Tracker // hijacked connections too, which the server forgets
	watched := coming.watch(srv, l, &conns)
	srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		coming.handled(r)
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		inner.ServeHTTP(w, r)
	})
	served := make(chan error, 1)
	go func() { served <- run(watched) }()
	self.Ready()
	select {
	case err := <-served:
		if ctx.Err() == nil {
			return fmt.Errorf("serve %s: %w", l.Addr(), err)
		}
		served <- err
	case <-ctx.Done():
	}
	// Whoever kills a worker that takes too long counts from the stop as well.
	end, cancel := context.WithTimeout(context.Background(), self.cutAfter())
	defer cancel()
	self.endAccepting(end, srv, l, served)
	coming.await(end)
	if err := errors.Join(srv.Shutdown(end), conns.Drain(end), self.Drain(end)); err != nil {
		return errors.Join(fmt.Errorf("drain: %w", err), srv.Close())
	}
	return nil
}

// cutAfter is how long a stop may take in all: a little less than after what the worker would
// be killed, so that it can say itself what it has cut off.
func (s *Self) cutAfter() time.Duration {
	limit := s.killLimit()
	return limit - min(limit/10, time.Second)
}

// endAccepting lets drain_wait pass meanwhile. From a pinned socket the queue is accepted first;
// what is idle after drain_wait is closed although that goes on, since a listener that limits
// its connections accepts no other for as long as those stay.
func (s *Self) endAccepting(end context.Context, srv *http.Server, l net.Listener, served <-chan error) {
	if d := s.opened.pinned(l); d != nil {
		s.leave(d)
	} else {
		_ = l.Close() // Self has closed it already if it came from there
	}
	wait := time.NewTimer(s.Config().DrainWait)
	defer wait.Stop()
	passed := wait.C
	for served != nil || passed != nil {
		select {
		case <-served:
			served = nil
		case <-passed:
			passed = nil
			if served != nil {
				srv.SetKeepAlivesEnabled(false)
			}
		case <-end.Done():
			return // Shutdown closes the listener
		}
	}
}
