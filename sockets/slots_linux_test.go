package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slotServer answers each connection with its slot until it is drained.
type slotServer struct {
	ln   *DrainingListener
	slot int
	n    atomic.Int64
	done chan struct{}
	err  error // that ended it, when done
}

func serveSlot(t *testing.T, s *Server, slot int) *slotServer {
	t.Helper()
	ln := must(s.ListenSlot(slot, "tcp", "127.0.0.1:0", ListenOptions{ReusePort: true}))(t)
	w := &slotServer{ln: must(NewDrainingListener(ln, patience))(t), slot: slot, done: make(chan struct{})}
	go w.run()
	t.Cleanup(func() { w.drain() })
	return w
}

func (w *slotServer) run() {
	defer close(w.done)
	for {
		c, err := w.ln.Accept()
		if err != nil {
			w.err = err
			return
		}
		w.n.Add(1)
		fmt.Fprintln(c, w.slot)
		_ = c.Close()
	}
}

// drain is what a worker does that is told to stop.
func (w *slotServer) drain() {
	w.ln.Drain()
	<-w.done
}

// answeredBy reads the slot that answers c.
func answeredBy(c net.Conn) (slot int, err error) {
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err = fmt.Fscanln(bufio.NewReader(c), &slot)
	return slot, err
}

func pinnedAddr(t *testing.T, s *Server) string {
	t.Helper()
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{ReusePort: true}))(t)
	defer ln.Close()
	if info := s.Addresses()[0]; !info.Steered {
		t.Skip("this kernel refuses the steering program")
	}
	return ln.Addr().String()
}

func dialMany(t *testing.T, addr string, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = must(net.Dial("tcp", addr))(t)
	}
	return conns
}

func TestQueuedConnectionsSurviveLowering(t *testing.T) {
	s := newServer(t, Options{})
	if err := s.SetSlots(4); err != nil {
		t.Fatal(err)
	}
	addr := pinnedAddr(t, s)
	conns := dialMany(t, addr, 200) // nobody accepts yet
	if err := s.SetSlots(1); err != nil {
		t.Fatal(err)
	}
	late := dialMany(t, addr, 50)
	workers := make([]*slotServer, 4)
	for slot := range workers {
		if err := s.ReleaseSlot(slot); slot > 0 && !errors.Is(err, ErrQueued) {
			t.Errorf("release of slot %d with a queue: %v", slot, err)
		}
		workers[slot] = serveSlot(t, s, slot)
	}
	for slot := 3; slot > 0; slot-- {
		workers[slot].drain()
		if err := s.ReleaseSlot(slot); err != nil {
			t.Error(err)
		}
	}
	per := map[int]int{}
	for i, c := range conns {
		slot, err := answeredBy(c)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		per[slot]++
	}
	for i, c := range late {
		if slot, err := answeredBy(c); err != nil || slot != 0 {
			t.Fatalf("late connection %d: slot %d, %v", i, slot, err)
		}
	}
	t.Logf("200 queued on 4 slots: %v", per)
	if len(per) != 4 {
		t.Errorf("not spread over 4 slots: %v", per)
	}
	if info := s.Addresses()[0]; info.Slots != 1 {
		t.Errorf("%+v", info)
	}
}

// Scaling up and down while clients connect without pause loses none of them.
func TestScalingUnderLoad(t *testing.T) {
	s := newServer(t, Options{})
	addr := pinnedAddr(t, s)
	workers := []*slotServer{serveSlot(t, s, 0)}
	stop := make(chan struct{})
	var answered atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial("tcp", addr)
				if err == nil {
					_, err = answeredBy(c)
				}
				if err != nil {
					t.Errorf("after %d answers: %v", answered.Load(), err)
					return
				}
				answered.Add(1)
			}
		})
	}
	for _, n := range []int{4, 2, 3, 1, 4, 1} {
		scale(t, s, &workers, n)
		want := answered.Load() + 200
		eventually(t, "200 more answers", func() bool { return answered.Load() >= want || t.Failed() })
	}
	close(stop)
	wg.Wait()
	t.Logf("%d connections answered", answered.Load())
}

// handshakes is how long one that was under way may take on a busy machine.
const handshakes = 500 * time.Millisecond

func scale(t *testing.T, s *Server, workers *[]*slotServer, n int) {
	t.Helper()
	if err := s.SetSlots(n); err != nil {
		t.Fatal(err)
	}
	for len(*workers) < n {
		*workers = append(*workers, serveSlot(t, s, len(*workers)))
	}
	for _, w := range (*workers)[n:] {
		w.ln.DrainLast(handshakes, patience)
	}
	for last := len(*workers) - 1; last >= n; last-- {
		// What comes even later is taken by whoever has the slot, then the next
		// try succeeds.
		for {
			(*workers)[last].drain()
			err := s.ReleaseSlot(last)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrQueued) {
				t.Fatal(err)
			}
			(*workers)[last] = serveSlot(t, s, last)
		}
		*workers = (*workers)[:last]
	}
}

func TestSlotKeepsItsSocketOverLives(t *testing.T) {
	s := newServer(t, Options{})
	if err := s.SetSlots(2); err != nil {
		t.Fatal(err)
	}
	addr := pinnedAddr(t, s)
	for life := range 3 {
		conns := dialMany(t, addr, 40)
		a, b := serveSlot(t, s, 0), serveSlot(t, s, 1)
		for _, c := range conns {
			if _, err := answeredBy(c); err != nil {
				t.Fatalf("life %d: %v", life, err)
			}
		}
		a.drain()
		b.drain()
		if a.n.Load() == 0 || b.n.Load() == 0 {
			t.Errorf("life %d: slot 0 had %d, slot 1 %d", life, a.n.Load(), b.n.Load())
		}
	}
}

func TestSlotsCloseFromTheLast(t *testing.T) {
	s := newServer(t, Options{})
	if err := s.SetSlots(4); err != nil {
		t.Fatal(err)
	}
	addr := pinnedAddr(t, s)
	if err := s.SetSlots(1); err != nil {
		t.Fatal(err)
	}
	slots := func() int { return s.Addresses()[0].Slots }
	for _, step := range []struct{ release, left int }{{2, 4}, {3, 2}, {1, 1}} {
		if err := s.ReleaseSlot(step.release); err != nil || slots() != step.left {
			t.Fatalf("after the release of %d: %d sockets, %v", step.release, slots(), err)
		}
	}
	if err := s.ReleaseSlot(0); !errors.Is(err, ErrNoSlot) {
		t.Error(err)
	}
	if err := s.SetSlots(4); err != nil {
		t.Fatal(err)
	}
	if slots() != 4 {
		t.Errorf("%d sockets", slots())
	}
	conns := dialMany(t, addr, 100)
	for slot := range 4 {
		serveSlot(t, s, slot)
	}
	seen := map[int]bool{}
	for _, c := range conns {
		slot, err := answeredBy(c)
		if err != nil {
			t.Fatal(err)
		}
		seen[slot] = true
	}
	if len(seen) != 4 {
		t.Errorf("answered by %v", seen)
	}
}

func TestSlotOutsideIsRefusedAndAbandonCounts(t *testing.T) {
	s := newServer(t, Options{ReusePort: true})
	addr := pinnedAddr(t, s)
	own := attached(t, s, Peer{Slot: 2}) // before SetSlots any slot opens its socket
	ln := must(own.Listen("tcp", "127.0.0.1:0"))(t)
	_ = ln.Close()
	if err := s.SetSlots(3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ListenSlot(3, "tcp", "127.0.0.1:0", ListenOptions{}); !errors.Is(err, ErrNoSlot) {
		t.Error(err)
	}
	for _, n := range []int{-1, maxSlots + 1} {
		if err := s.SetSlots(n); !errors.Is(err, ErrNoSlot) {
			t.Errorf("%d: %v", n, err)
		}
	}
	conns := dialMany(t, addr, 60)
	if err := s.SetSlots(0); err != nil {
		t.Fatal(err)
	}
	lost := s.AbandonSlot(2) + s.AbandonSlot(1)
	if lost == 0 || s.AbandonSlot(0) != 0 {
		t.Errorf("%d lost", lost)
	}
	serveSlot(t, s, 0)
	reset := 0
	for _, c := range conns {
		_, err := answeredBy(c)
		switch {
		case err == nil:
		case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF):
			reset++
		default:
			t.Error(err)
		}
	}
	if reset != lost {
		t.Errorf("%d were lost, it said %d", reset, lost)
	}
}

func TestPinnedUDP(t *testing.T) {
	needIPv6(t)
	for _, host := range []string{"127.0.0.1", "[::1]"} {
		s := newServer(t, Options{})
		if err := s.SetSlots(3); err != nil {
			t.Fatal(err)
		}
		open := func(slot int) net.PacketConn {
			return must(s.ListenPacket("udp", host+":0", ListenOptions{ReusePort: true, Slot: slot}))(t)
		}
		pcs := []net.PacketConn{open(0), open(1), open(2)}
		clients := make([]net.Conn, 100)
		for i := range clients {
			clients[i] = must(net.Dial("udp", pcs[0].LocalAddr().String()))(t)
			defer clients[i].Close()
			for range 3 {
				if _, err := clients[i].Write([]byte{byte(i)}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := s.SetSlots(1); err != nil {
			t.Fatal(err)
		}
		if err := s.ReleaseSlot(2); !errors.Is(err, ErrQueued) {
			t.Error(err)
		}
		if _, err := clients[0].Write([]byte{200}); err != nil { // steered to slot 0
			t.Fatal(err)
		}
		total, home := 0, map[byte]int{}
		for slot := 2; slot >= 0; slot-- {
			n := drainPackets(t, pcs[slot], slot, home)
			t.Logf("%s slot %d: %d datagrams", host, slot, n)
			if n == 0 {
				t.Errorf("slot %d got nothing", slot)
			}
			total += n
			_ = pcs[slot].Close()
			if err := s.ReleaseSlot(slot); slot > 0 && err != nil {
				t.Error(err)
			}
		}
		if total != 301 || home[200] != 0 {
			t.Errorf("%d of 301 datagrams, the late one at slot %d", total, home[200])
		}
	}
}

// drainPackets reads until nothing is queued. One sender's datagrams must all
// be on one slot.
func drainPackets(t *testing.T, pc net.PacketConn, slot int, home map[byte]int) (n int) {
	t.Helper()
	fd := must(dupConn(pc.(*net.UDPConn)))(t)
	defer closeFD(fd)
	buf := make([]byte, 8)
	for queued(fd, true) > 0 {
		if _, _, err := pc.ReadFrom(buf); err != nil {
			t.Fatal(err)
		}
		n++
		if at, ok := home[buf[0]]; ok && at != slot {
			t.Errorf("sender %d on slots %d and %d", buf[0], at, slot)
		}
		home[buf[0]] = slot
	}
	return n
}

func TestSpreadIsEven(t *testing.T) {
	needIPv6(t)
	for _, host := range []string{"127.0.0.1", "[::1]", ""} {
		s := newServer(t, Options{})
		if err := s.SetSlots(4); err != nil {
			t.Fatal(err)
		}
		ln := must(s.Listen("tcp", host+":0", ListenOptions{ReusePort: true}))(t)
		defer ln.Close()
		if host == "" {
			host = "127.0.0.1"
		}
		port := ln.Addr().(*net.TCPAddr).Port
		for _, c := range dialMany(t, fmt.Sprintf("%s:%d", host, port), 1000) {
			defer c.Close()
		}
		s.mu.Lock()
		for slot, fd := range s.order[0].fds {
			n := queued(fd, false)
			t.Logf("%s slot %d: %d of 1000", host, slot, n)
			if n < 150 || n > 350 {
				t.Errorf("%s: slot %d has %d of 1000", host, slot, n)
			}
		}
		s.mu.Unlock()
	}
}

func TestEnvironmentTurnsReusePortOn(t *testing.T) {
	t.Setenv(EnvReusePort, "1")
	s := newServer(t, Options{})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer ln.Close()
	if s.Addresses()[0].Slots != 1 {
		t.Errorf("%+v", s.Addresses())
	}
}
