package sockets

import (
	"errors"
	"net"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A slot that is released while somebody still accepts from it is closed for him, and not
// broken.
func TestReleasedSlotIsClosedForItsCopies(t *testing.T) {
	s := newServer(t, Options{})
	if err := s.SetSlots(3); err != nil {
		t.Fatal(err)
	}
	pinnedAddr(t, s)
	drains := serveSlot(t, s, 2)
	accepts := serveSlot(t, s, 1)
	drains.ln.DrainLast(patience, patience)
	if err := s.SetSlots(1); err != nil {
		t.Fatal(err)
	}
	for _, w := range []*slotServer{drains, accepts} {
		if err := s.ReleaseSlot(w.slot); err != nil {
			t.Fatal(err)
		}
		<-w.done
		if !errors.Is(w.err, net.ErrClosed) {
			t.Errorf("slot %d: %v", w.slot, w.err)
		}
	}
}

// A slot is unused when it was dropped and its last process is gone.
func TestUnusedSlots(t *testing.T) {
	gone := make(chan Peer, 4)
	s := newServer(t, Options{ReusePort: true, OnGone: func(p Peer) { gone <- p }})
	if err := s.SetSlots(4); err != nil {
		t.Fatal(err)
	}
	pinnedAddr(t, s)
	two := []*Client{attached(t, s, Peer{Incarnation: "1.2.1", Slot: 2}), attached(t, s, Peer{Incarnation: "1.2.2", Slot: 2})}
	want := func(slots ...int) {
		t.Helper()
		if got := s.UnusedSlots(); !slices.Equal(got, slots) {
			t.Errorf("unused: %v, want %v", got, slots)
		}
	}
	want()
	if err := s.SetSlots(1); err != nil {
		t.Fatal(err)
	}
	want(3, 1)
	for _, c := range two {
		want(3, 1)
		_ = c.Close()
		if p := <-gone; p.Slot != 2 {
			t.Errorf("gone: %+v", p)
		}
	}
	want(3, 2, 1)
	if err := s.ReleaseSlot(1); err != nil {
		t.Fatal(err)
	}
	want(3, 2)
	if err := s.SetSlots(4); err != nil {
		t.Fatal(err)
	}
	want()
}

// A copy of a dropped slot's datagram socket that nobody reads any more takes nothing
// from the workers that are wanted later.
func TestLeftCopyTakesNoDatagrams(t *testing.T) {
	s := newServer(t, Options{ReusePort: true})
	const slots = 4
	open := func() (all [slots]net.PacketConn) {
		t.Helper()
		if err := s.SetSlots(slots); err != nil {
			t.Fatal(err)
		}
		for slot := range all {
			all[slot] = must(s.ListenPacket("udp", "127.0.0.1:0", ListenOptions{Slot: slot}))(t)
			t.Cleanup(func() { _ = all[slot].Close() })
		}
		return all
	}
	send := func(to net.Addr) {
		t.Helper()
		for range 100 {
			c := must(net.Dial("udp", to.String()))(t)
			defer c.Close()
			_ = must(c.Write([]byte("x")))(t)
		}
	}
	left := open()
	if !s.Addresses()[0].Steered {
		t.Skip("this kernel refuses the steering program")
	}
	send(left[0].LocalAddr())
	if err := s.SetSlots(1); err != nil {
		t.Fatal(err)
	}
	if err := s.ReleaseSlot(1); !errors.Is(err, ErrQueued) {
		t.Errorf("release with datagrams in the queue: %v", err)
	}
	lost := 0
	for slot := 1; slot < slots; slot++ {
		lost += s.AbandonSlot(slot)
	}
	if total := lost + drainPackets(t, left[0], 0, map[byte]int{}); total != 100 || lost == 0 {
		t.Errorf("%d of 100 datagrams were lost, %d are known of", lost, total)
	}
	if unused := s.UnusedSlots(); len(unused) > 0 {
		t.Errorf("still to be released: %v", unused)
	}
	_ = left[2].Close() // 1 and 3 stay
	again := open()
	send(left[0].LocalAddr())
	total := 0
	for slot, pc := range again {
		n := drainPackets(t, pc, slot, map[byte]int{'x': slot})
		t.Logf("slot %d: %d datagrams", slot, n)
		total += n
	}
	if total != 100 {
		t.Errorf("%d of 100 datagrams reached the workers", total)
	}
}

// After a takeover the old owner ends no socket of the new one.
func TestOldOwnerReleasesNothing(t *testing.T) {
	t.Setenv(EnvSockDir, shortDir(t))
	old := newServer(t, Options{ReusePort: true})
	if err := errors.Join(old.SetSlots(2), old.OpenPath("")); err != nil {
		t.Fatal(err)
	}
	addr := pinnedAddr(t, old)
	if err := old.SetSlots(1); err != nil { // slot 1 is dropped, and not released yet
		t.Fatal(err)
	}
	s := must(TakeOver(old.Path(), old.Token(), Options{ReusePort: true}))(t)
	t.Cleanup(func() { _ = s.Close() })
	if err := s.SetSlots(2); err != nil {
		t.Fatal(err)
	}
	conns := dialMany(t, addr, 40)
	if err := old.ReleaseSlot(1); err != nil {
		t.Error(err)
	}
	if lost := old.AbandonSlot(1); lost != 0 || len(old.UnusedSlots()) > 0 {
		t.Errorf("%d lost, unused %v", lost, old.UnusedSlots())
	}
	serveSlot(t, s, 0)
	serveSlot(t, s, 1)
	for i, c := range conns {
		if _, err := answeredBy(c); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
}

// A command that asks by the path gets the socket of the worker that it is.
func TestOutsiderGetsItsWorkersSlot(t *testing.T) {
	s := opened(t, Options{ReusePort: true})
	if err := s.SetSlots(3); err != nil {
		t.Fatal(err)
	}
	_ = pinnedAddr(t, s)
	for _, c := range []struct {
		env       string
		ask, want int
	}{{"2", 0, 2}, {"2", 1, 1}, {"0", 0, 0}, {"", 0, 0}, {"x", 0, 0}, {"-1", 0, 0}, {"99999", 0, 0}} {
		t.Setenv(EnvWorkerID, c.env)
		ln := must(dialed(t, s).ListenWith("tcp", "127.0.0.1:0", ListenOptions{Slot: c.ask}))(t)
		got := must(dupConn(ln.(*net.TCPListener)))(t)
		s.mu.Lock()
		if fd := s.order[0].fds[c.want]; inode(t, got) != inode(t, fd) {
			t.Errorf("%s=%q, slot %d: not the socket of slot %d", EnvWorkerID, c.env, c.ask, c.want)
		}
		s.mu.Unlock()
		closeFD(got)
		_ = ln.Close()
	}
}

func inode(t *testing.T, fd int) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}
