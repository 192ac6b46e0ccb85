package sockets

import (
	"errors"
	"fmt"
	"slices"
)

// SetSlots says how many slots are wanted, before the first worker starts and
// whenever that number changes. Raising opens the missing sockets of every
// pinned address and then spreads over them. Lowering spreads over the
// remaining ones: what is queued on the others stays there for their workers
// to take, see ReleaseSlot. With n of 0 connections wait on the socket of slot
// 0. On failure the old number holds.
func (s *Server) SetSlots(n int) error {
	if n < 0 {
		return fmt.Errorf("sockets: %d slots: %w", n, ErrNoSlot)
	}
	n = max(n, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.growAll(n); err != nil {
		return fmt.Errorf("sockets: set %d slots: %w", n, err)
	}
	s.slots = n
	for _, e := range s.order {
		if e.pinned {
			e.steer(n)
		}
	}
	return nil
}

// growAll opens what n slots lack, or nothing. Where nothing is pinned there is nothing to
// open, nor anything that another Server could have taken over.
func (s *Server) growAll(n int) error {
	if !slices.ContainsFunc(s.order, func(e *entry) bool { return e.pinned }) && !s.closed {
		return nil
	}
	if err := s.usable(); err != nil {
		return err
	}
	grown := map[*entry]int{}
	for _, e := range s.order {
		if !e.pinned {
			continue
		}
		before := len(e.fds)
		if err := grow(e, n); err != nil {
			for other, before := range grown {
				other.shrink(before)
			}
			return listenError(e.network, e.address, err)
		}
		grown[e] = before
	}
	return nil
}

// shrink closes sockets, the last first, that nobody has a copy of yet.
func (e *entry) shrink(n int) {
	for last := len(e.fds) - 1; last >= n; last-- {
		closeFD(e.fds[last])
		e.fds = e.fds[:last]
	}
}

// UnusedSlots lists the slots that SetSlots has dropped and nobody has released yet,
// the highest first, less those that a peer is attached with: the end of a process
// that was attached is the end of its copies. Of other copies (of goroutines, of
// outsiders) only their owners know.
func (s *Server) UnusedSlots() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usable() != nil {
		return nil
	}
	var unused []int
	for slot := s.highest() - 1; slot >= max(s.slots, 1); slot-- {
		if s.holds(slot) && !s.attached(slot) {
			unused = append(unused, slot)
		}
	}
	return unused
}

// highest is how many slots the address with the most of them has.
func (s *Server) highest() int {
	n := 0
	for _, e := range s.order {
		if e.pinned {
			n = max(n, len(e.fds))
		}
	}
	return n
}

// holds reports whether a slot has a socket that was not released.
func (s *Server) holds(slot int) bool {
	return slices.ContainsFunc(s.order, func(e *entry) bool { return e.pinned && slot < len(e.fds) && !e.released[slot] })
}

// attached reports whether there is a peer of this slot.
func (s *Server) attached(slot int) bool {
	s.pmu.Lock()
	defer s.pmu.Unlock()
	for _, p := range s.peers {
		if p.Slot == slot {
			return true
		}
	}
	return false
}

// ReleaseSlot ends the sockets of a slot that SetSlots has dropped. Call it when
// all who accepted from them have taken what was queued and are gone: several lives
// of a worker may overlap. What somebody queued meanwhile is ErrQueued, and that
// socket stays open.
//
// A listener ends for all who have a copy; those of one address close from the last
// slot downwards: an earlier one waits, still open and steered around, until those
// after it are released as well. A datagram socket stays open and steered around, for
// the slot's next life: a copy that is left somewhere would keep its place in the
// kernel's group, and all numbers behind it would be wrong. Without pinned sockets,
// and after another Server has taken over, it does nothing.
//
// A connection whose handshake was under way while SetSlots ran may come up to
// one round trip later: see DrainingListener.DrainLast. After ErrQueued the owner may
// let somebody take what is there (ListenSlot still works) or give it up (AbandonSlot).
func (s *Server) ReleaseSlot(slot int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moving != nil {
		return fmt.Errorf("sockets: release slot %d: they are %w", slot, ErrMoving)
	}
	if s.usable() != nil {
		return nil
	}
	if wanted := max(s.slots, 1); slot < wanted {
		return fmt.Errorf("sockets: release slot %d of %d that are wanted: %w", slot, wanted, ErrNoSlot)
	}
	var errs []error
	for _, e := range s.order {
		if !e.pinned || slot >= len(e.fds) {
			continue
		}
		if n := queued(e.fds[slot], e.bound.packet()); n > 0 {
			errs = append(errs, fmt.Errorf("sockets: slot %d of %s %w (%d)", slot, e.bound, ErrQueued, n))
			continue
		}
		e.release(slot, s.slots)
	}
	return errors.Join(errs...)
}

// AbandonSlot is ReleaseSlot without regard to what is queued: those connections
// are reset, those datagrams dropped. It returns how many, as far as the kernel tells.
func (s *Server) AbandonSlot(slot int) (lost int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usable() != nil || slot < max(s.slots, 1) {
		return 0
	}
	for _, e := range s.order {
		switch {
		case !e.pinned || slot >= len(e.fds):
			continue
		case e.bound.packet():
			lost += discard(e.fds[slot])
		default:
			lost += queued(e.fds[slot], false)
		}
		e.release(slot, s.slots)
	}
	return lost
}

func (e *entry) release(slot, wanted int) {
	e.released[slot] = true
	if e.bound.packet() && e.steered {
		return
	}
	wanted = max(wanted, 1)
	for last := len(e.fds) - 1; last >= wanted && e.released[last]; last = len(e.fds) - 1 {
		if !e.bound.packet() {
			shut(e.fds[last]) // also for a copy left somewhere: the kernel's numbers must be ours
		}
		closeFD(e.fds[last])
		e.fds = e.fds[:last]
		delete(e.released, last)
	}
}

// openPinned opens the sockets of all slots wanted now.
func (s *Server) openPinned(e *entry, want spec) error {
	if want.port != 0 {
		// SO_REUSEPORT would join the sockets of another process of this
		// user without a word; a busy port must stay an error.
		fd, _, err := bind(want, ListenOptions{ReuseAddr: e.opts.ReuseAddr}, false)
		if err != nil {
			return err
		}
		closeFD(fd)
	}
	fd, bound, err := bind(want, e.opts, true)
	if err != nil {
		return err
	}
	e.fds, e.bound, e.released = []int{fd}, bound, make(map[int]bool)
	if err := grow(e, s.slots); err != nil {
		closeFDs(e.fds)
		return err
	}
	e.steer(max(s.slots, 1))
	return nil
}

// grow opens sockets until there are n. It closes those it opened if one fails,
// the last first.
func grow(e *entry, n int) error {
	if n > maxSlots {
		return fmt.Errorf("%d slots, at most %d have a socket each: %w", n, maxSlots, ErrNoSlot)
	}
	before := len(e.fds)
	for len(e.fds) < n {
		fd, _, err := bind(e.bound, e.opts, true)
		if err != nil {
			e.shrink(before)
			return err
		}
		e.fds = append(e.fds, fd)
	}
	return nil
}

// steer spreads over the first n sockets.
func (e *entry) steer(n int) {
	for slot := range n {
		delete(e.released, slot)
	}
	e.steered = attachSteering(e.fds[0], n) == nil
}

// ensureSlot opens the slot's socket if nobody has said how many there are. A
// dropped slot whose socket is still there may go on with it.
func (s *Server) ensureSlot(e *entry, slot int) error {
	switch {
	case slot < 0 || slot >= maxSlots:
		return fmt.Errorf("slot %d: %w", slot, ErrNoSlot)
	case slot < len(e.fds):
		return nil
	case s.slots > 0:
		return fmt.Errorf("slot %d of %d: %w", slot, s.slots, ErrNoSlot)
	}
	if err := s.usable(); err != nil {
		return err
	}
	if err := grow(e, slot+1); err != nil {
		return err
	}
	e.steer(len(e.fds))
	return nil
}
