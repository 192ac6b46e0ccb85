//go:build unix

package serverengine_test

import (
	"bufio"
	"net"
	"testing"
	"time"
)

// speaker is a connection to a worker that has said who it is.
func (tr *tree) speaker(network, address string) (net.Conn, string, error) {
	c, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return nil, "", err
	}
	_ = c.SetDeadline(time.Now().Add(patience)) // a socket takes one
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		c.Close()
		return nil, "", err
	}
	return c, field(line, "worker"), nil
}

// With a socket per worker the kernel spreads connections over all of them.
func TestReuseportSpreadsConnections(t *testing.T) {
	t.Parallel()
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 4, "socket_reuseport": true})
	tr.serving(4)
	seen := map[string]int{}
	for range 200 {
		c, worker, err := tr.speaker("tcp", tr.address())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		seen[worker]++
	}
	t.Logf("200 connections over 4 workers: %v", seen)
	if len(seen) != 4 {
		t.Errorf("only these workers got connections: %v", seen)
	}
}

// Four workers are each blocked by what they serve. Each has got its turn, none has two, and
// what is left waits: on a shared socket for the first who is free, on one of its own for its
// worker.
func TestEachWorkerGetsItsTurn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		role, network string
		pinned        bool
	}{
		"tcp shared":    {"turns", "tcp", false},
		"tcp reuseport": {"turns", "tcp", true},
		"unix shared":   {"turns", "unix", false},
		"udp shared":    {"datagram turns", "udp", false},
		"udp reuseport": {"datagram turns", "udp", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := keys{"worker_type": "process", "workers": 4, "socket_reuseport": c.pinned}
			if c.network == "unix" {
				settings["address"] = "unix:" + shortDir(t) + "/turns.sock"
			}
			tr := start(t, c.role, settings)
			tr.serving(4)
			const n = 60
			turns := tr.asksForTurns(t, c.network, n)
			holds := map[string]*greeted{}
			for range 4 {
				turns.next(t, holds)
			}
			if !c.pinned { // nobody but 2 is free
				holds["2"].Close()
				delete(holds, "2")
				turns.next(t, holds)
			}
			turns.finish(t, holds)
			t.Logf("%d turns over 4 workers: %v", n, turns.by)
		})
	}
}

// turnsOf are the turns that a test has asked for.
type turnsOf struct {
	greetings chan *greeted
	had       int
	by        map[string]int
}

// asksForTurns asks n times at once: by connections, or by datagrams which say where the
// worker is to connect to.
func (tr *tree) asksForTurns(t *testing.T, network string, n int) *turnsOf {
	t.Helper()
	turns := &turnsOf{greetings: make(chan *greeted, n), by: map[string]int{}}
	greet := func(c net.Conn) {
		t.Cleanup(func() { c.Close() })
		go func() { turns.greetings <- greetingOf(c) }()
	}
	var back net.Listener
	if network == "udp" {
		var err error
		if back, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { back.Close() })
		go func() {
			for c, err := back.Accept(); err == nil; c, err = back.Accept() {
				greet(c)
			}
		}()
	}
	for range n {
		c, err := net.DialTimeout(network, tr.address(), patience)
		if err != nil {
			t.Fatal(err)
		}
		if back == nil {
			greet(c)
			continue
		}
		_, err = c.Write([]byte(back.Addr().String()))
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return turns
}

// next waits for the next turn, which must be of a worker that holds none.
func (turns *turnsOf) next(t *testing.T, holds map[string]*greeted) *greeted {
	t.Helper()
	g := <-turns.greetings
	if g.err != nil {
		t.Fatalf("turn %d: %v", turns.had, g.err)
	}
	if holds[g.worker] != nil {
		t.Fatalf("worker %s has two turns at a time", g.worker)
	}
	holds[g.worker] = g
	turns.had++
	turns.by[g.worker]++
	return g
}

// finish lets the workers go on until all turns were had.
func (turns *turnsOf) finish(t *testing.T, holds map[string]*greeted) {
	t.Helper()
	for w, g := range holds {
		g.Close()
		delete(holds, w)
	}
	for turns.had < cap(turns.greetings) {
		g := turns.next(t, holds)
		g.Close()
		delete(holds, g.worker)
	}
}

// greeted is a connection that a worker serves until it is closed.
type greeted struct {
	net.Conn
	worker, pid string
	err         error
}

func greetingOf(c net.Conn) *greeted {
	_ = c.SetDeadline(time.Now().Add(patience)) // a socket takes one
	line, err := bufio.NewReader(c).ReadString('\n')
	return &greeted{c, field(line, "worker"), field(line, "pid"), err}
}
