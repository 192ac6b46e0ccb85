//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func init() { roles["takeover"] = takeOverRole }

// takeOverRole takes over, serves the address and ends with its stdin.
func takeOverRole() error {
	s, err := TakeOver(os.Getenv("SOCK"), os.Getenv("TOKEN"), Options{})
	if err != nil {
		return err
	}
	for _, info := range s.Addresses() {
		fmt.Println(info.Network, info.Address, info.Bound)
	}
	untilEOF()
	return s.Close()
}

func TestTakeOverByAnotherProcess(t *testing.T) {
	dir := shortDir(t)
	old := opened(t, Options{})
	path, token := old.Path(), old.Token()
	tcp := must(old.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer tcp.Close()
	file := filepath.Join(dir, "s")
	un := must(old.Listen("unix", file, ListenOptions{}))(t)
	_ = un.Close()
	c := startChild(t, "takeover", []string{"SOCK=" + path, "TOKEN=" + token}, nil)
	if got := c.line(t); got != "tcp 127.0.0.1:0 "+tcp.Addr().String() {
		t.Error(got)
	}
	if got := c.line(t); got != "unix "+file+" "+file {
		t.Error(got)
	}
	if ln, err := old.Listen("tcp", "127.0.0.1:0", ListenOptions{}); err != nil {
		t.Errorf("what it had: %v", err)
	} else {
		_ = ln.Close()
	}
	if _, err := old.Listen("tcp4", "127.0.0.1:0", ListenOptions{}); !errors.Is(err, ErrTakenOver) {
		t.Errorf("something new: %v", err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	client := must(Dial(path, token))(t)
	ln := must(client.Listen("tcp4", "127.0.0.1:0"))(t)
	_ = ln.Close()
	_ = client.Close()
	c.end(t)
	for _, p := range []string{path, file} {
		if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", p, err)
		}
	}
}

// Clients that ask and connect all the time notice nothing of ten successions.
func TestTakeOverUnderLoad(t *testing.T) {
	current := opened(t, Options{})
	path, token := current.Path(), current.Token()
	stop := make(chan struct{})
	var rounds atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			keep, err := Dial(path, token)
			if err != nil {
				t.Error(err)
				return
			}
			defer keep.Close()
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := askTwice(keep, path, token, fmt.Sprintf("127.0.0.%d:0", 1+(i+n)%40)); err != nil {
					t.Errorf("round %d: %v", n, err)
					return
				}
				rounds.Add(1)
			}
		})
	}
	for range 10 {
		next, err := TakeOver(path, token, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := current.Close(); err != nil {
			t.Fatal(err)
		}
		current = next
		want := rounds.Load() + 20
		eventually(t, "20 more rounds", func() bool { return rounds.Load() >= want || t.Failed() })
	}
	close(stop)
	wg.Wait()
	if err := current.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rounds", rounds.Load())
}

// askTwice asks over a connection that was there and over a new one: one port.
func askTwice(keep *Client, path, token, address string) error {
	a, err := keep.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer a.Close()
	fresh, err := Dial(path, token)
	if err != nil {
		return err
	}
	defer fresh.Close()
	b, err := fresh.Listen("tcp", address)
	if err != nil {
		return err
	}
	defer b.Close()
	if a.Addr().String() != b.Addr().String() {
		return fmt.Errorf("two ports: %v, %v", a.Addr(), b.Addr())
	}
	return nil
}

func TestTakeOverOfMany(t *testing.T) {
	old := opened(t, Options{ReusePort: true, Inherited: []Inherited{{Name: "pending", File: exportedTCP(t)}}})
	if err := old.SetSlots(3); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		ln := must(old.Listen("tcp", fmt.Sprintf("127.0.1.%d:0", i+1), ListenOptions{}))(t)
		defer ln.Close()
	}
	before := old.Addresses()
	s := must(TakeOver(old.Path(), old.Token(), Options{}))(t)
	defer s.Close()
	after := s.Addresses()
	if len(after) != len(before) {
		t.Fatalf("%d of %d", len(after), len(before))
	}
	for i := range after {
		if before[i] != after[i] {
			t.Errorf("%+v became %+v", before[i], after[i])
		}
	}
	if len(s.inherited) != 1 || s.inherited[0].name != "pending" {
		t.Errorf("inherited: %v", s.inherited)
	}
	if _, err := TakeOver(filepath.Join(shortDir(t), "nothing"), "x", Options{}); err == nil {
		t.Error("took over nobody")
	}
}

// exportedTCP is a listener as a service manager would hand it over.
func exportedTCP(t *testing.T) *os.File {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer ln.Close()
	return fileOf(must(dupConn(ln.(*net.TCPListener)))(t), "listener")
}

// begun is a takeover that was offered everything and has not said yes.
func begun(t *testing.T, s *Server, offered int) *conn {
	t.Helper()
	c := newConn(rawTo(t, s).(*net.UnixConn), false, true)
	r := request{ID: 1, Op: opTakeOver, Token: s.Token()}
	if err := c.sendJSON(frameRequest, r, nil, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	a := must(readReply(c, r.ID, time.Now().Add(patience), patience))(t)
	if len(a.fds) != offered { // the path and what is open
		t.Errorf("%d descriptors", len(a.fds))
	}
	closeFDs(a.fds)
	return c
}

// Whoever begins and does not commit changes nothing.
func TestTakeOverThatBreaksOff(t *testing.T) {
	s := opened(t, Options{RequestTimeout: 300 * time.Millisecond})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer ln.Close()
	for i, hangUp := range []bool{true, false} {
		c := begun(t, s, 2+i)
		if hangUp {
			c.close()
		}
		other := must(s.Listen("tcp4", "127.0.0.1:0", ListenOptions{}))(t) // waits for the deadline
		_ = other.Close()
	}
	if _, err := TakeOver(s.Path(), "wrong", Options{}); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
	_ = dialed(t, s)
}
