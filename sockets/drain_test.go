//go:build unix

package sockets

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDrainingListenerTakesTheQueue(t *testing.T) {
	dir := shortDir(t)
	for _, addr := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(dir, "s")}} {
		s := newServer(t, Options{})
		copied := must(s.Listen(addr[0], addr[1], ListenOptions{}))(t)
		ln := must(NewDrainingListener(copied, patience))(t)
		const n = 50
		for range n {
			c := must(net.Dial(addr[0], ln.Addr().String()))(t)
			defer c.Close()
		}
		ln.Drain()
		ln.Drain()
		for i := range n {
			c, err := ln.Accept()
			if err != nil {
				t.Fatalf("%s, connection %d: %v", addr[0], i, err)
			}
			_ = c.Close()
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s, the end: %v", addr[0], err)
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
		other := must(s.Listen(addr[0], addr[1], ListenOptions{}))(t)
		answersOnce(t, other)
		_ = other.Close()
	}
}

func TestDrainWakesAccept(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(NewDrainingListener(must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t), 0))(t)
	got := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		got <- err
	}()
	ln.Drain()
	if err := <-got; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	closed := must(NewDrainingListener(must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t), 0))(t)
	_ = closed.Close()
	closed.Drain()
	if _, err := closed.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := NewDrainingListener((&Tracker{}).Listener(closed), 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// hijackServer answers and keeps the connection for itself.
func hijackServer(t *testing.T, tr *Tracker) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			defer c.Close()
			fmt.Fprintln(c, "hello")
			_, _ = io.Copy(io.Discard, c)
		}()
	}))
	srv.Listener = tr.Listener(srv.Listener)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

func hijacked(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	c := must(net.Dial("tcp", srv.Listener.Addr().String()))(t)
	t.Cleanup(func() { _ = c.Close() })
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if line := must(bufio.NewReader(c).ReadString('\n'))(t); line != "hello\n" {
		t.Fatal(line)
	}
	return c
}

func TestDrainWaitsForHijackedConnections(t *testing.T) {
	var tr Tracker
	srv := hijackServer(t, &tr)
	a, b := hijacked(t, srv), hijacked(t, srv)
	if err := srv.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tr.Len() != 2 {
		t.Errorf("%d are tracked", tr.Len())
	}
	done := make(chan error, 1)
	go func() { done <- tr.Drain(t.Context()) }()
	_ = a.Close()
	eventually(t, "one is left", func() bool { return tr.Len() == 1 })
	select {
	case err := <-done:
		t.Fatalf("drained with one left: %v", err)
	default:
	}
	_ = b.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDrainIsBounded(t *testing.T) {
	var tr Tracker
	srv := hijackServer(t, &tr)
	a, _ := hijacked(t, srv), hijacked(t, srv)
	why := errors.New("drain time is over")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	err := tr.Drain(ctx)
	var de *DrainError
	if !errors.As(err, &de) || de.Closed != 2 || !errors.Is(err, why) || !strings.Contains(err.Error(), "2 connections") {
		t.Errorf("%v", err)
	}
	_ = a.SetReadDeadline(time.Now().Add(patience))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other side: %v", err)
	}
	if err := tr.Drain(ctx); err != nil || tr.Len() != 0 {
		t.Errorf("%d left: %v", tr.Len(), err)
	}
}

func TestTrackedConnectionsKeepTheirMethods(t *testing.T) {
	var tr Tracker
	s := newServer(t, Options{})
	dir := shortDir(t)
	for _, addr := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", filepath.Join(dir, "s")}} {
		ln := tr.Listener(must(s.Listen(addr[0], addr[1], ListenOptions{}))(t))
		far := must(net.Dial(addr[0], ln.Addr().String()))(t)
		near := must(ln.Accept())(t)
		cw, ok := near.(interface{ CloseWrite() error })
		if !ok {
			t.Fatalf("a %T", near)
		}
		_ = cw.CloseWrite()
		if b := must(io.ReadAll(far))(t); len(b) != 0 {
			t.Errorf("%q", b)
		}
		if err := near.Close(); err != nil {
			t.Error(err)
		}
		_ = near.Close()
		_ = far.Close()
		_ = ln.Close()
	}
	a, b := net.Pipe()
	defer b.Close()
	p := tr.Track(a)
	if tr.Len() != 1 {
		t.Error(tr.Len())
	}
	_ = p.Close()
	if tr.Len() != 0 {
		t.Error(tr.Len())
	}
}

func TestDrainingPacketConnTakesTheQueue(t *testing.T) {
	s := newServer(t, Options{})
	pc := must(NewDrainingPacketConn(must(s.ListenPacket("udp", "127.0.0.1:0", ListenOptions{}))(t), patience))(t)
	from := must(net.Dial("udp", pc.LocalAddr().String()))(t)
	defer from.Close()
	buf := make([]byte, 8)
	blocked := make(chan error, 1)
	go func() {
		_, _, err := pc.ReadFrom(buf)
		blocked <- err
	}()
	pc.Drain()
	if err := <-blocked; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	_ = pc.Close()
	pc = must(NewDrainingPacketConn(must(s.ListenPacket("udp", "127.0.0.1:0", ListenOptions{}))(t), patience))(t)
	const n = 50
	for range n {
		if _, err := from.Write([]byte("hi")); err != nil {
			t.Fatal(err)
		}
	}
	pc.Drain()
	for i := range n {
		if k, at, err := pc.ReadFrom(buf); err != nil || k != 2 || at.String() != from.LocalAddr().String() {
			t.Fatalf("datagram %d: %d bytes from %v, %v", i, k, at, err)
		}
	}
	if _, _, err := pc.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	answerTo(t, pc, from)
}

// answerTo sends from pc, which has ended reading, to c.
func answerTo(t *testing.T, pc net.PacketConn, c net.Conn) {
	t.Helper()
	if _, err := pc.WriteTo([]byte("answer"), c.LocalAddr()); err != nil {
		t.Fatalf("what was read is answered: %v", err)
	}
	buf := make([]byte, 16)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := c.Read(buf); err != nil || string(buf[:n]) != "answer" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if err := pc.Close(); err != nil {
		t.Error(err)
	}
	if _, err := pc.WriteTo([]byte("late"), c.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// EndReading leaves what is queued to another copy of the socket, and what was read can be
// answered.
func TestEndReadingLeavesTheQueueToOthers(t *testing.T) {
	s := newServer(t, Options{})
	first := must(s.ListenPacket("udp", "127.0.0.1:0", ListenOptions{}))(t)
	other := must(s.ListenPacket("udp", first.LocalAddr().String(), ListenOptions{}))(t)
	defer other.Close()
	pc := must(NewDrainingPacketConn(first, patience))(t)
	from := must(net.Dial("udp", pc.LocalAddr().String()))(t)
	defer from.Close()
	buf := make([]byte, 16)
	blocked := make(chan error, 1)
	go func() {
		_, _, err := pc.ReadFrom(buf)
		blocked <- err
	}()
	pc.EndReading()
	if err := <-blocked; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := from.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := pc.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reads after EndReading: %v", err)
	}
	_ = other.SetReadDeadline(time.Now().Add(patience))
	if n, _, err := other.ReadFrom(buf); err != nil || string(buf[:n]) != "hi" {
		t.Errorf("the other copy: %q, %v", buf[:n], err)
	}
	answerTo(t, pc, from)
}

// The last one who accepts waits for handshakes that were under way.
func TestDrainLastWaitsForHandshakes(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(NewDrainingListener(must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t), 0))(t)
	accepted := make(chan error, 2)
	accept := func() {
		c, err := ln.Accept()
		if err == nil {
			_ = c.Close()
		}
		accepted <- err
	}
	ln.DrainLast(time.Second, patience)
	ln.Drain() // changes nothing any more
	go accept()
	c := must(net.Dial("tcp", ln.Addr().String()))(t)
	defer c.Close()
	if err := <-accepted; err != nil {
		t.Fatalf("a connection within the grace: %v", err)
	}
	go accept()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the end: %v", err)
	}
}

// A queue that is left when the grace is over is taken, by one who comes late as well.
func TestDrainLastTakesTheQueueAfterTheGrace(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(NewDrainingListener(must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t), 0))(t)
	for range 5 {
		c := must(net.Dial("tcp", ln.Addr().String()))(t)
		defer c.Close()
	}
	ln.DrainLast(time.Nanosecond, patience)
	for i := range 5 {
		c, err := ln.Accept()
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		_ = c.Close()
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the end: %v", err)
	}
}
