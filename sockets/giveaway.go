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
	by, err := s.handOver(c, r.ID, items, fds, deadline)
	s.settle(by)
	if err != nil {
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

// settle ends a handover. by is who has taken over; "" is nobody.
func (s *Server) settle(by string) {
	s.mu.Lock()
	h := s.moving
	s.moving, s.takenBy = nil, by
	if by != "" {
		s.path.stop() // the new one accepts there by now; whom we got, ErrTakenOver sends on
	}
	s.mu.Unlock()
	close(h.over)
	if by != "" && s.opts.OnTakenOver != nil {
		go s.opts.OnTakenOver(by)
	}
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

// handOver sends everything and waits for the word that it is taken. It returns who has
// taken it.
func (s *Server) handOver(c *conn, id uint64, items []item, fds []int, deadline time.Time) (by string, err error) {
	if err := s.sendAll(c, id, items, fds, deadline); err != nil {
		return "", err
	}
	f, err := c.read(deadline, max(time.Until(deadline), time.Millisecond))
	if err != nil {
		return "", err
	}
	commit, err := decodeRequest(f.body)
	if err == nil && (f.kind != frameRequest || f.lost != nil || commit.Op != opCommit || commit.Token != s.opts.Token) {
		err = fmt.Errorf("not a commit: %w", ErrBadRequest)
	}
	if err == nil {
		err = c.sendJSON(frameReply, reply{ID: commit.ID}, nil, deadline)
	}
	if err != nil {
		return "", err
	}
	return "process " + strconv.Itoa(commit.Pid), nil
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
