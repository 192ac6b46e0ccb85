//go:build unix

package sockets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func init() {
	roles["accept"] = acceptRole
	roles["hand"] = handRole
}

// acceptRole listens over its pair (descriptor 3), answers connections with its
// pid and stops accepting when its stdin ends.
func acceptRole() error {
	c, err := FromFile(os.NewFile(3, "pair"))
	if err != nil {
		return err
	}
	ln, err := c.Listen("tcp", os.Getenv("ADDRESS"))
	if err != nil {
		return err
	}
	go func() {
		untilEOF()
		_ = ln.Close()
	}()
	fmt.Println(ln.Addr())
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return c.Close()
		}
		if err != nil {
			return err
		}
		fmt.Fprintln(conn, os.Getpid())
		_ = conn.Close()
	}
}

// handRole hands the read end of a pipe up and writes into the other.
func handRole() error {
	c, err := FromFile(os.NewFile(3, "pair"))
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	if err := c.Hand([]byte("1.0.1 stdout"), r); err != nil {
		return err
	}
	_ = r.Close()
	_, err = w.WriteString("hello from below\n")
	return err
}

func TestClientGetsTheSocketOfTheOwner(t *testing.T) {
	s := newServer(t, Options{})
	a, b := attached(t, s, Peer{Slot: 0}), attached(t, s, Peer{Slot: 1})
	la := must(a.Listen("tcp", "127.0.0.1:0"))(t)
	lb := must(b.Listen("tcp", "127.0.0.1:0"))(t)
	own := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	if la.Addr().String() != lb.Addr().String() || la.Addr().String() != own.Addr().String() {
		t.Fatalf("three sockets: %v, %v, %v", la.Addr(), lb.Addr(), own.Addr())
	}
	if err := la.Close(); err != nil {
		t.Fatal(err)
	}
	_ = own.Close()
	answersOnce(t, lb)
	_ = lb.Close()
}

// answersOnce connects to ln and wants ln to accept that. The test's end closes ln, if it
// is still open.
func answersOnce(t *testing.T, ln net.Listener) {
	t.Helper()
	t.Cleanup(func() { _ = ln.Close() })
	c := must(net.Dial(ln.Addr().Network(), ln.Addr().String()))(t)
	defer c.Close()
	got := must(ln.Accept())(t)
	_ = got.Close()
}

func TestUDPThroughTheClient(t *testing.T) {
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	pc := must(c.ListenUDP("127.0.0.1", 0))(t)
	defer pc.Close()
	from := must(net.Dial("udp", pc.LocalAddr().String()))(t)
	defer from.Close()
	if _, err := from.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 16)
	_ = pc.SetReadDeadline(time.Now().Add(patience))
	n, _, err := pc.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "hi" {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
}

func TestBusyPortNamesAddressAndCause(t *testing.T) {
	taken := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer taken.Close()
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	for name, listen := range map[string]func() (net.Listener, error){
		"server": func() (net.Listener, error) { return s.Listen("tcp", taken.Addr().String(), ListenOptions{}) },
		"client": func() (net.Listener, error) { return c.Listen("tcp", taken.Addr().String()) },
		"pinned": func() (net.Listener, error) {
			return s.Listen("tcp", taken.Addr().String(), ListenOptions{ReusePort: true})
		},
	} {
		_, err := listen()
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken.Addr().String()) ||
			!strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: %v", name, err)
		}
		var le *ListenError
		if !errors.As(err, &le) || le.Address != taken.Addr().String() {
			t.Errorf("%s: not a ListenError: %#v", name, err)
		}
	}
}

func TestSentinelsTravel(t *testing.T) {
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	ln := must(c.Listen("tcp", "127.0.0.1:0"))(t)
	defer ln.Close()
	port := ln.Addr().(*net.TCPAddr).Port
	_, err := c.ListenTCP("0.0.0.0", port)
	if !errors.Is(err, ErrOverlap) || !strings.Contains(err.Error(), "127.0.0.1") || !strings.Contains(err.Error(), "0.0.0.0") {
		t.Errorf("overlap: %v", err)
	}
	if _, err := c.Listen("unix", "/tmp/"+strings.Repeat("x", 200)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("long path: %v", err)
	}
	if _, err := c.Listen("unix", strings.Repeat("x", 5000)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("longer than a message: %v", err)
	}
	answersOnce(t, must(c.Listen("tcp", "127.0.0.1:0"))(t)) // the connection has survived all that
}

func TestManyAskAtOnce(t *testing.T) {
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	var wg sync.WaitGroup
	addrs := make([]string, 64)
	for i := range addrs {
		wg.Go(func() {
			ln, err := c.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
				return
			}
			addrs[i] = ln.Addr().String()
			_ = ln.Close()
		})
	}
	wg.Wait()
	for _, a := range addrs {
		if a != addrs[0] {
			t.Fatalf("%v", addrs)
		}
	}
}

func TestClientEndsWithTheServer(t *testing.T) {
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Fatal("a listener from a closed server")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.ListenContext(ctx, "tcp", "127.0.0.1:0", ListenOptions{}); err == nil {
		t.Fatal("a listener from a closed server")
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

type handedMessage struct {
	tag   string
	files []*os.File
}

func TestHandArrivesInOrder(t *testing.T) {
	got := make(chan handedMessage, 100)
	s := newServer(t, Options{OnHand: func(tag []byte, files []*os.File) { got <- handedMessage{string(tag), files} }})
	c := attached(t, s, Peer{})
	before := openFDs(t)
	for i := range 20 {
		var files []*os.File
		for range i % (MaxFiles + 1) {
			r, w := pipe(t)
			_ = w.Close()
			files = append(files, r)
		}
		if err := c.Hand(fmt.Appendf(nil, "message %d", i), files...); err != nil {
			t.Fatal(err)
		}
		closeAll(files)
	}
	for i := range 20 {
		m := <-got
		if m.tag != fmt.Sprintf("message %d", i) || len(m.files) != i%(MaxFiles+1) {
			t.Fatalf("message %d: %q with %d files", i, m.tag, len(m.files))
		}
		closeAll(m.files)
	}
	if now := openFDs(t); now > before { // fewer: another test's have gone meanwhile
		t.Errorf("%d descriptors, %d before", now, before)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func TestHandRefusesTooMuch(t *testing.T) {
	s := newServer(t, Options{})
	c := attached(t, s, Peer{})
	r, w := pipe(t)
	defer r.Close()
	defer w.Close()
	many := make([]*os.File, MaxFiles+1)
	for i := range many {
		many[i] = r
	}
	if err := c.Hand(nil, many...); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if err := c.Hand(bytes.Repeat([]byte("x"), MaxBody+1), r); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	answersOnce(t, must(c.Listen("tcp", "127.0.0.1:0"))(t))
}

// A connection that was handed over is attached and serves on.
func TestHandedConnectionCanBeAttached(t *testing.T) {
	var s *Server
	attachErr := make(chan error, 1)
	s = newServer(t, Options{OnHand: func(tag []byte, files []*os.File) {
		attachErr <- s.Attach(files[0], Peer{Incarnation: string(tag)})
	}})
	between := attached(t, s, Peer{Slot: -1})
	parent, end, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := between.Hand([]byte("1.0.1"), parent); err != nil {
		t.Fatal(err)
	}
	_ = parent.Close()
	if err := <-attachErr; err != nil {
		t.Fatal(err)
	}
	c := must(FromFile(end))(t)
	defer c.Close()
	answersOnce(t, must(c.Listen("tcp", "127.0.0.1:0"))(t))
}

func TestHandFromAnotherProcess(t *testing.T) {
	got := make(chan handedMessage, 1)
	s := newServer(t, Options{OnHand: func(tag []byte, files []*os.File) { got <- handedMessage{string(tag), files} }})
	startOnPair(t, s, "hand", nil, nil)
	m := <-got
	if m.tag != "1.0.1 stdout" {
		t.Errorf("tag %q", m.tag)
	}
	text, err := io.ReadAll(m.files[0])
	if err != nil || string(text) != "hello from below\n" {
		t.Errorf("%q, %v", text, err)
	}
	closeAll(m.files)
}

// startOnPair starts a child whose descriptor 3 is its connection to s.
func startOnPair(t *testing.T, s *Server, role string, env []string, setup func(*exec.Cmd), files ...*os.File) *child {
	t.Helper()
	parent, end, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(parent, Peer{}); err != nil {
		t.Fatal(err)
	}
	c := startChild(t, role, env, setup, append([]*os.File{end}, files...)...)
	_ = end.Close()
	return c
}

func TestProcessesShareOnePort(t *testing.T) {
	s := newServer(t, Options{})
	env := []string{"ADDRESS=127.0.0.1:0"}
	a, b := startOnPair(t, s, "accept", env, nil), startOnPair(t, s, "accept", env, nil)
	addr := a.line(t)
	if other := b.line(t); other != addr {
		t.Fatalf("%s and %s", addr, other)
	}
	a.end(t)
	c := must(net.Dial("tcp", addr))(t)
	defer c.Close()
	pid := string(must(io.ReadAll(c))(t))
	if strings.TrimSpace(pid) != fmt.Sprint(b.cmd.Process.Pid) {
		t.Errorf("answered by %s", pid)
	}
	b.end(t)
}

// golang/go#29277: starting children with a listener's descriptor must not make
// it blocking.
func TestCloseUnblocksAcceptAfterChildrenStarted(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	exported := must(s.Export("tcp", "127.0.0.1:0"))(t)
	defer exported.Close()
	child := startOnPair(t, s, "accept", []string{"ADDRESS=127.0.0.1:0"}, nil, exported)
	child.line(t)
	ended := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		ended <- err
	}()
	_ = ln.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	child.end(t) // its Close has to unblock its Accept as well
}

// What is queued while the only process that accepts is killed and replaced is
// answered by its replacement.
func TestQueueOutlivesProcesses(t *testing.T) {
	s := newServer(t, Options{})
	env := []string{"ADDRESS=127.0.0.1:0"}
	first := startOnPair(t, s, "accept", env, nil)
	addr := first.line(t)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.cmd.Wait()
	conns := make([]net.Conn, 200)
	for i := range conns {
		conns[i] = must(net.Dial("tcp", addr))(t)
	}
	second := startOnPair(t, s, "accept", env, nil)
	second.line(t)
	for i, c := range conns {
		pid, err := io.ReadAll(c)
		if err != nil || strings.TrimSpace(string(pid)) != fmt.Sprint(second.cmd.Process.Pid) {
			t.Errorf("connection %d: %q, %v", i, pid, err)
		}
		_ = c.Close()
	}
	second.end(t)
}
