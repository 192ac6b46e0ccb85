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
// closed and the rest is waited for, hijacked ones and those given to Self.Track included, at most
// worker_graceful_kill_timeout. Serve wraps srv.Handler and srv.ConnContext. For TLS, there is
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
