package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
)

// patience decides only when a broken run ends.
const patience = 30 * time.Second

// ownHost is a socket manager in this process. pinned is what it does, whatever it is asked.
type ownHost struct {
	*fakeHost
	owner  *sockets.Server
	pinned bool
}

func (h ownHost) Listen(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	o.ReusePort = h.pinned
	return h.owner.Listen(network, address, o)
}

func (h ownHost) ListenPacket(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	o.ReusePort = h.pinned
	return h.owner.ListenPacket(network, address, o)
}

// onSockets starts the life of a slot on real sockets; wait waits for its end.
func onSockets(t *testing.T, slot int, pinned bool, run func(context.Context, *Self) error) (l *life, wait func() messages.Exit) {
	t.Helper()
	owner := sockets.NewServer(sockets.Options{})
	t.Cleanup(func() {
		if err := owner.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := config.Default()
	cfg.Workers, cfg.SocketReuseport = slot+1, true
	log := logrus.New()
	log.SetOutput(t.Output())
	exited := make(chan messages.Exit, 1)
	l = newLife(birth{
		incarnation: messages.Incarnation{Generation: 1, Slot: slot, Life: 1}, config: cfg, version: 1,
		host: ownHost{&fakeHost{}, owner, pinned}, logger: log, code: Code{Readiness: ByCall, New: Func(run)},
		say: func(messages.Event) {}, exited: func(e messages.Exit) { exited <- e },
	})
	l.start()
	return l, func() messages.Exit {
		t.Helper()
		select {
		case e := <-exited:
			return e
		case <-time.After(patience):
			t.Fatal("the life does not end")
			return messages.Exit{}
		}
	}
}

func dialMany(t *testing.T, addr net.Addr, n int) []net.Conn {
	t.Helper()
	all := make([]net.Conn, n)
	for i := range all {
		c, err := net.Dial("tcp", addr.String())
		if err == nil {
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all[i] = c
	}
	return all
}

// When the end of a life is told, its sockets are closed, whatever it did with them: pinned
// or shared, of connections or datagrams. A socket is drained because it is pinned, and not
// because the configuration says so.
func TestSocketsAreClosedWhenTheEndIsTold(t *testing.T) {
	for _, pinned := range []bool{false, true} {
		t.Run(fmt.Sprintf("pinned %t", pinned), func(t *testing.T) {
			var ln net.Listener
			var pc net.PacketConn
			var mine *Self
			_, wait := onSockets(t, 0, pinned, func(_ context.Context, self *Self) (err error) {
				mine = self
				if ln, err = self.Listen("tcp", "127.0.0.1:0"); err != nil {
					return err
				}
				pc, err = self.ListenPacket("udp", "127.0.0.1:0")
				return err
			})
			if e := wait(); !e.Ok() {
				t.Fatal(e)
			}
			d, drains := ln.(*sockets.DrainingListener)
			if drains != pinned {
				t.Errorf("a %T", ln)
			}
			if drains {
				ln = d.Listener
			}
			for _, c := range []interface{ SetDeadline(time.Time) error }{ln.(*net.TCPListener), pc.(*sockets.DrainingPacketConn).PacketConn} {
				if err := c.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("a %T: %v", c, err)
				}
			}
			if late, err := mine.Listen("tcp", "127.0.0.1:0"); !errors.Is(err, errOver) {
				t.Errorf("Listen after the end: %v, %v", late, err)
			}
		})
	}
}

// wrapped is a listener as others make it of one of ours; it accepts nothing before open.
type wrapped struct {
	net.Listener
	open chan struct{}
}

func (w wrapped) Accept() (net.Conn, error) {
	<-w.open
	return w.Listener.Accept()
}

// Serve answers what is queued on a pinned socket also through a listener that wraps it.
func TestServeTakesThePinnedQueueThroughAWrapper(t *testing.T) {
	at, open := make(chan net.Addr, 1), make(chan struct{})
	l, wait := onSockets(t, 0, true, func(ctx context.Context, self *Self) error {
		ln, err := self.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		at <- ln.Addr()
		return Serve(ctx, self, &http.Server{Handler: http.HandlerFunc(hello)}, wrapped{ln, open})
	})
	conns := dialMany(t, <-at, 20)
	l.stop(&StopCause{})
	time.AfterFunc(10*time.Millisecond, func() { close(open) }) // Serve has seen the stop: too early is no failure
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 16)); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if e := wait(); !e.Ok() {
		t.Error(e)
	}
}

// A listener that limits its connections accepts the queue when the idle ones are gone.
func TestServeTakesTheQueueBehindIdleConnections(t *testing.T) {
	at, open := make(chan net.Addr, 1), make(chan struct{}, 1)
	l, wait := onSockets(t, 0, true, func(ctx context.Context, self *Self) error {
		ln, err := self.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		at <- ln.Addr()
		srv := &http.Server{Handler: http.HandlerFunc(hello), ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed {
				open <- struct{}{}
			}
		}}
		return Serve(ctx, self, srv, wrapped{ln, open})
	})
	open <- struct{}{} // one at a time
	conns := dialMany(t, <-at, 3)
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		l.stop(&StopCause{}) // with the first one idle and the others in the queue
	}
	for _, c := range conns {
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Error(err)
		}
	}
	open <- struct{}{} // the fourth Accept
	if e := wait(); !e.Ok() {
		t.Error(e)
	}
}

// A worker that is one too many goes on accepting for a while, since what the kernel is just
// making comes to its socket only.
func TestSuperfluousWorkerWaitsForConnections(t *testing.T) {
	for range 5 { // a machine that stands still for as long proves nothing
		if acceptedLate(t) > 0 {
			return
		}
	}
	t.Error("it accepted none of 40 connections, of which half came to its socket")
}

// acceptedLate is how many connections a superfluous worker accepts that are made a moment
// after its stop.
func acceptedLate(t *testing.T) (late int) {
	t.Helper()
	at, ended := make(chan net.Addr, 1), make(chan struct{})
	l, wait := onSockets(t, 1, true, func(ctx context.Context, self *Self) error {
		defer close(ended)
		ln, err := self.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		at <- ln.Addr()
		<-ctx.Done()
		for {
			c, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				return err
			}
			late++
			c.Close()
		}
	})
	addr := <-at
	cfg := *l.self.config.Load()
	cfg.Workers = 1
	l.configure(cfg, 2, false)
	l.stop(&StopCause{})
	moment := time.NewTimer(50 * time.Millisecond)
	defer moment.Stop()
	select {
	case <-ended: // then it accepts none
	case <-moment.C:
	}
	dialMany(t, addr, 40)
	if e := wait(); !e.Ok() {
		t.Error(e)
	}
	return late
}
