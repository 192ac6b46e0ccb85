package sockets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// handover is the time in which another Server has been offered everything and has not yet
// said that it takes it. Copies are given as ever; what would open, close or steer a socket
// is ErrMoving meanwhile. It ends by RequestTimeout.
type handover struct {
	conn *conn         // to the other one
	over chan struct{} // closed at the end
}

// giveAway is the old one's side of TakeOver. Until the last reply is written everything can
// be undone by doing nothing.
func (s *Server) giveAway(c *conn, r request) {
	deadline := s.soon()
	items, fds, err := s.offer(c, deadline)
	if err != nil {
		s.refuse(c, r.ID, err)
		return
	}
	commit, err := s.handOver(c, r.ID, items, fds, deadline)
	if err = s.settle(c, commit, err); err != nil {
		s.refuse(c, r.ID, err) // who is gone does not read it
	}
}

// offer begins a handover, after another one that is under way.
func (s *Server) offer(c *conn, deadline time.Time) (items []item, fds []int, err error) {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	for try := 1; ; try++ {
		items, fds, err = s.tryOffer(c)
		if !errors.Is(err, ErrMoving) || try == tries || !s.settled(ctx) {
			return items, fds, err
		}
	}
}

func (s *Server) tryOffer(c *conn) ([]item, []int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opts.NoTakeOver {
		return nil, nil, fmt.Errorf("the sockets of this program are not for another: %w", ErrDenied)
	}
	if err := s.usable(); err != nil {
		return nil, nil, err
	}
	items, fds := s.inventory()
	s.moving = &handover{conn: c, over: make(chan struct{})}
	return items, fds, nil
}

// ackWait bounds how long the last word of a handover may take. Who has read all before has
// room for it.
const ackWait = 100 * time.Millisecond

// settle ends a handover: with err nobody has taken over. Else the last word is said and
// becomes true in one step, so that who hears it finds everything so.
func (s *Server) settle(c *conn, commit request, err error) error {
	s.mu.Lock()
	if err == nil && s.closed {
		err = ErrClosed
	}
	if err == nil {
		err = c.sendJSON(frameReply, reply{ID: commit.ID}, nil, time.Now().Add(ackWait))
	}
	if err == nil {
		s.takenBy = "process " + strconv.Itoa(commit.Pid)
		s.path.stop() // the new one accepts there by now; whom we got, ErrTakenOver sends on
	}
	close(s.moving.over)
	s.moving = nil
	by := s.takenBy
	s.mu.Unlock()
	if err == nil && s.opts.OnTakenOver != nil {
		go s.opts.OnTakenOver(by)
	}
	return err
}

// settled waits until no handover is under way. It reports false if ctx ends before.
func (s *Server) settled(ctx context.Context) bool {
	s.mu.Lock()
	h := s.moving
	s.mu.Unlock()
	if h == nil {
		return true
	}
	select {
	case <-h.over:
		return true
	case <-ctx.Done():
		return false
	}
}

// handOver sends everything and waits for the word that it is taken.
func (s *Server) handOver(c *conn, id uint64, items []item, fds []int, deadline time.Time) (commit request, err error) {
	if err := s.sendAll(c, id, items, fds, deadline); err != nil {
		return commit, err
	}
	f, err := c.read(deadline, max(time.Until(deadline), time.Millisecond))
	if err != nil {
		return commit, err
	}
	commit, err = decodeRequest(f.body)
	if err == nil && (f.kind != frameRequest || f.lost != nil || commit.Op != opCommit || commit.Token != s.opts.Token) {
		err = fmt.Errorf("not a commit: %w", ErrBadRequest)
	}
	return commit, err
}

// sendAll sends all sockets, the path first, in as many replies as it takes.
func (s *Server) sendAll(c *conn, id uint64, items []item, fds []int, deadline time.Time) error {
	pathFD, err := dupConn(s.path.ln)
	if err != nil {
		return err
	}
	defer closeFD(pathFD)
	way := item{}
	if s.path.dir.current() {
		way.Dir = s.path.dir.path
	}
	items, fds = append([]item{way}, items...), append([]int{pathFD}, fds...)
	for len(items) > 0 {
		n := min(len(items), MaxFiles)
		for n > 1 && !fits(id, items[:n]) {
			n--
		}
		r := reply{ID: id, Items: items[:n], More: n < len(items)}
		if err := c.sendJSON(frameReply, r, fds[:n], deadline); err != nil {
			return err
		}
		items, fds = items[n:], fds[n:]
	}
	return nil
}

// inventory lists all sockets in the order they were opened.
func (s *Server) inventory() (items []item, fds []int) {
	for _, e := range s.order {
		for slot, fd := range e.fds {
			it := item{
				Network: e.network, Address: e.address, Slot: slot, Pinned: e.pinned, Steered: e.steered,
				Backlog: e.opts.Backlog, ReuseAddr: e.opts.ReuseAddr, Inherited: e.inherited,
			}
			if !e.inherited && e.file.current() {
				it.File = e.file.path
			}
			items, fds = append(items, it), append(fds, fd)
		}
	}
	for _, in := range s.inherited {
		items, fds = append(items, item{Network: in.spec.network, Pending: cmp.Or(in.name, "inherited")}), append(fds, in.fd)
	}
	return items, fds
}

func fits(id uint64, items []item) bool {
	body, err := json.Marshal(reply{ID: id, Items: items, More: true})
	return err == nil && len(body) <= MaxBody
}
