package sockets

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// entry is one address. A shared one has one descriptor; a pinned one has one
// for each slot, and the kernel knows them by the same numbers, because they
// were opened in that order and are closed from the end only.
type entry struct {
	network, address string // as first asked
	bound            spec
	opts             ListenOptions
	fds              []int // in no poller: the owner must not wake up for each connection
	pinned           bool
	steered          bool
	released         map[int]bool // slots to close once they are the last
	inherited        bool
	asked            uint64 // epoch
	file             fileID // of a unix socket's path
}

func keyOf(network, address string) string { return network + " " + address }

// entryFor finds what is open already under another spelling, adopts an
// inherited socket, or binds. Call it with mu held.
func (s *Server) entryFor(key string, want spec, o ListenOptions) (*entry, error) {
	if e := s.entries[key]; e != nil { // opened while the name was resolved
		return e, nil
	}
	for _, e := range s.order {
		if e.bound.same(want) {
			s.entries[key] = e
			return e, nil
		}
		if e.bound.overlaps(want) {
			return nil, fmt.Errorf("%s %w %s (%s): use that one, or another port as long as it is open", want, ErrOverlap, e.bound, keyOf(e.network, e.address))
		}
	}
	if err := s.usable(); err != nil {
		return nil, err
	}
	if o.Backlog == 0 {
		o.Backlog = s.opts.Backlog
	}
	network, address, _ := strings.Cut(key, " ")
	e := &entry{network: network, address: address, opts: o}
	if err := s.fill(e, want); err != nil {
		return nil, err
	}
	s.entries[key] = e
	s.order = append(s.order, e)
	return e, nil
}

// fill opens e's sockets.
func (s *Server) fill(e *entry, want spec) error {
	if in := s.inheritedFor(want); in != nil {
		e.fds, e.bound, e.inherited = []int{in.fd}, in.spec, true
		return nil
	}
	for _, in := range s.inherited {
		if in.spec.overlaps(want) {
			return fmt.Errorf("%s %w %s (inherited as %q)", want, ErrOverlap, in.spec, in.name)
		}
	}
	e.pinned = canSteer && !want.unix() && (e.opts.ReusePort || s.opts.ReusePort)
	if e.pinned {
		return s.openPinned(e, want)
	}
	fd, bound, err := bind(want, e.opts, false)
	if err != nil {
		return err
	}
	e.fds, e.bound = []int{fd}, bound
	if f := want.file(); f != "" {
		e.file, err = identify(f)
	}
	if err != nil {
		closeFD(fd)
	}
	return err
}

// copyOf returns a new descriptor of e's socket. Call it with mu held.
func (s *Server) copyOf(e *entry, slot int) (int, error) {
	e.asked = s.epoch
	if !e.pinned {
		return dupFD(e.fds[0])
	}
	if err := s.ensureSlot(e, slot); err != nil {
		return -1, err
	}
	return dupFD(e.fds[slot])
}

// drop closes e and forgets it. The error says that its file stays. Call it with mu held.
func (s *Server) drop(e *entry) error {
	closeFDs(e.fds)
	e.fds = nil
	s.order = slices.DeleteFunc(s.order, func(o *entry) bool { return o == e })
	for k, o := range s.entries {
		if o == e {
			delete(s.entries, k)
		}
	}
	if s.takenBy != "" || e.inherited {
		return nil
	}
	if err := e.file.remove(); err != nil {
		return fmt.Errorf("sockets: the file of %s stays, since this user may not remove it from its directory: %w", e.bound, err)
	}
	return nil
}

// errNoIdentity is a path that vanished between bind and lstat.
var errNoIdentity = errors.New("the socket's file vanished")
