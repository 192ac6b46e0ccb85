package sockets

import (
	"context"
	"fmt"
	"os"
)

// Attach serves the parent's end of a Pair, or a connection that was handed
// over, in a goroutine of its own until the other end is gone. The peer is
// trusted: having the descriptor is the permission. Attach takes conn over, also
// when it fails.
func (s *Server) Attach(conn *os.File, peer Peer) error {
	c, err := connOf(conn)
	if err != nil {
		return fmt.Errorf("attach %s: %w", peer.Incarnation, err)
	}
	if !s.serve(c, peer, func() { s.servePeer(c, peer) }) {
		return fmt.Errorf("sockets: attach %s: %w", peer.Incarnation, ErrClosed)
	}
	return nil
}

// serve runs f in a goroutine and closes c afterwards. It reports false, and
// closes c at once, if the server is closed.
func (s *Server) serve(c *conn, peer Peer, f func()) bool {
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.pmu.Lock()
		s.peers[c] = peer
		s.pmu.Unlock()
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if closed {
		c.close()
		return false
	}
	go func() {
		defer s.wg.Done()
		f()
		s.pmu.Lock()
		delete(s.peers, c)
		s.pmu.Unlock()
		c.close()
		if s.opts.OnGone != nil {
			s.opts.OnGone(peer)
		}
	}()
	return true
}

func (s *Server) servePeer(c *conn, peer Peer) {
	for {
		f, err := c.read(never, s.opts.RequestTimeout)
		if err != nil {
			return
		}
		switch f.kind {
		case frameHand:
			s.handed(f)
		case frameRequest:
			closeFDs(f.fds) // a request brings none
			if !s.answerPeer(c, peer, f.body) {
				return
			}
		default:
			closeFDs(f.fds)
			return
		}
	}
}

func (s *Server) handed(f frame) {
	if f.lost != nil {
		if s.opts.OnLost != nil {
			s.opts.OnLost(append([]byte(nil), f.body...), f.lost)
		}
		return
	}
	files := make([]*os.File, len(f.fds))
	for i, fd := range f.fds {
		files[i] = fileOf(fd, fmt.Sprintf("handed descriptor %d", i))
	}
	if s.opts.OnHand == nil {
		for _, file := range files {
			_ = file.Close()
		}
		return
	}
	s.opts.OnHand(append([]byte(nil), f.body...), files)
}

// answerPeer reports whether the connection goes on.
func (s *Server) answerPeer(c *conn, peer Peer, body []byte) bool {
	r, err := decodeRequest(body)
	if err != nil {
		return s.refuse(c, r.ID, err)
	}
	if peer.Slot >= 0 {
		r.Slot = peer.Slot
	}
	if r.Op == opPath {
		return s.tellPath(c, r.ID)
	}
	return s.answer(c, r)
}

// tellPath lets a peer tell others where to ask.
func (s *Server) tellPath(c *conn, id uint64) bool {
	path, token, err := s.opts.OnPath()
	if err != nil {
		return s.refuse(c, id, err)
	}
	return c.sendJSON(frameReply, reply{ID: id, Path: path, Token: token}, nil, s.soon()) == nil
}

// answer serves the operations that attached peers and outsiders share.
func (s *Server) answer(c *conn, r request) bool {
	switch r.Op {
	case opPing:
		return c.sendJSON(frameReply, reply{ID: r.ID}, nil, s.soon()) == nil
	case opListen:
		ctx, cancel := context.WithTimeout(context.Background(), s.opts.RequestTimeout)
		defer cancel()
		fd, err := s.take(ctx, r.Network, r.Address, r.options())
		if err != nil {
			return s.refuse(c, r.ID, err)
		}
		defer closeFD(fd)
		return c.sendJSON(frameReply, reply{ID: r.ID}, []int{fd}, s.soon()) == nil
	}
	return s.refuse(c, r.ID, fmt.Errorf("operation %q here: %w", r.Op, ErrBadRequest))
}

// refuse answers with an error. Without an id nothing more can be understood on
// this connection.
func (s *Server) refuse(c *conn, id uint64, err error) bool {
	r := reply{ID: id}
	r.toWire(err)
	return c.sendJSON(frameReply, r, nil, s.soon()) == nil && id != 0
}
