package serverengine_test

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// socketsAt counts the listening sockets of a port.
func socketsAt(t *testing.T, address string) (n int) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && f[3] == "0A" {
			n++
		}
	}
	return n
}

// leaves waits until so many sockets of the address are left.
func (tr *tree) leaves(sockets int) {
	tr.t.Helper()
	address := tr.address()
	eventually(tr.t, fmt.Sprintf("%d sockets are left", sockets), func() bool { return socketsAt(tr.t, address) == sockets })
}

var pinned = keys{"socket_reuseport": true, "drain_wait": "10ms"}

// to is a connection to this worker that has been served once.
func (tr *tree) to(worker string) *conn {
	tr.t.Helper()
	for {
		c, err := dial(tr.address())
		if err != nil {
			tr.t.Fatal(err)
		}
		body, _, err := c.get("/")
		if err != nil {
			tr.t.Fatal(err)
		}
		if field(body, "worker") == worker {
			return c
		}
		c.Close()
	}
}

// A worker that is not there any more when its slot is scaled away has its socket closed too.
func TestSlotWithoutALifeIsReleased(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2, with(pinned, keys{"unrecoverable_exit_codes": "[3]"}))
	tr.serving(2)
	c := tr.to("1")
	defer c.Close()
	_, _, _ = c.get("/end?how=3") // it gets no answer
	tr.serving(1)
	tr.leaves(2)
	for range 20 { // some of them where nobody accepts
		q, err := net.Dial("tcp", tr.address())
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
	}
	tr.signal(syscall.SIGTTOU)
	tr.leaves(1)
	tr.says("that no worker has taken are lost")
	for range 20 {
		tr.mustGet("/")
	}
	tr.silent("no such slot")
}

// Workers whose server was killed tell nobody of their end: it is seen all the same, and not
// before it has come.
func TestSlotOfAKilledServerIsReleased(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 3, pinned)
	tr.serving(3)
	tr.leaves(3)
	var inHand []*answer
	var gates []*gate
	for _, worker := range []string{"1", "2"} {
		c := tr.to(worker)
		a, g := tr.holdOn(c)
		inHand, gates = append(inHand, a), append(gates, g)
		defer g.open()
	}
	tr.kill(tr.generation(1).pid, syscall.SIGKILL)
	tr.generation(2)
	tr.signal(syscall.SIGTTOU)
	tr.says("workers 3 → 2")
	tr.signal(syscall.SIGTTOU)
	tr.says("workers 2 → 1")
	tr.finds("the new server's worker has ended", func(r record) bool {
		return r.Incarnation == "2.1.1" && strings.HasPrefix(r.Msg, "worker exited")
	})
	tr.leaves(3) // the old server's workers have not
	for i, a := range inHand {
		gates[i].open()
		a.arrives("held by")
	}
	tr.leaves(1)
	for range 20 {
		tr.mustGet("/")
	}
}

// While a worker and the one that it was replaced by both drain, the end of the first is not
// that of the slot: the other serves what is queued.
func TestSlotIsReleasedAfterItsLastLife(t *testing.T) {
	t.Parallel()
	tr := start(t, "turns", with(pinned, keys{"worker_type": "process", "workers": 2}))
	before := tr.serving(2)
	tr.leaves(2)
	held := make(chan *greeted, 40)
	greet := func(n int) {
		for range n {
			c, err := net.DialTimeout("tcp", tr.address(), patience)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			go func() { held <- greetingOf(c) }()
		}
	}
	greet(20) // each worker holds one, the others are queued
	first := []*greeted{<-held, <-held}
	tr.signal(syscall.SIGUSR1)
	after := tr.replaced(before)
	second := []*greeted{<-held, <-held}
	tr.signal(syscall.SIGTTOU)
	tr.saysOf(after[1].incarnation, "fewer workers are wanted")
	tr.kill(before[1].pid, syscall.SIGKILL)
	tr.saysOf(before[1].incarnation, "worker exited")
	tr.silent("are lost")
	tr.leaves(2)
	served := map[string]int{}
	for _, g := range append(first, second...) {
		g.Close()
		served[g.worker]++
	}
	for range 16 {
		g := <-held
		if g.err != nil {
			t.Fatalf("a queued connection: %v", g.err)
		}
		g.Close()
		served[g.worker]++
	}
	t.Logf("20 connections over 2 workers: %v", served)
	tr.leaves(1)
	tr.silent("are lost")
	tr.silent("the worker failed")
}

// Spawned commands that ask the socket manager have a socket each, too.
func TestCommandsHaveTheirOwnPinnedSockets(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"activated command", "command of the socket manager"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			c := listeningCommand(t, role)
			tr := spawn(t, c, pinned, keys{"workers": 3})
			tr.serving(3)
			eventually(t, "all commands serve", func() bool { return count(tr.log.read(), "serving on ") == 3 })
			served := map[string]int{}
			for range 60 {
				served[field(tr.mustGet("/"), "worker")]++
			}
			t.Logf("60 requests over 3 commands: %v", served)
			if len(served) != 3 {
				t.Errorf("served: %v", served)
			}
		})
	}
}
