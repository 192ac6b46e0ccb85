package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TakeOver makes a Server out of a running one at path: it gets all its sockets
// and the path itself, with the token, in one transaction (the seed's
// share_sockets_with_another_server). No connection is lost and none refused
// meanwhile. Afterwards the old one removes no files, gives what it had to its
// own peers, and refuses new addresses with ErrTakenOver; it is told by
// Options.OnTakenOver. One with NoTakeOver refuses. If anything fails the old one
// goes on as before, and the error says why. o.Token is ignored.
func TakeOver(path, token string, o Options) (*Server, error) {
	o.Token = token
	s := NewServer(o)
	err := s.takeOver(path)
	for try := 1; try < tries && errors.Is(err, ErrTakenOver); try++ {
		err = s.takeOver(path) // its predecessor had still picked up the connection
	}
	if err != nil {
		s.forget()
		return nil, fmt.Errorf("sockets: take over the socket manager at %s: %w", path, err)
	}
	return s, nil
}

func (s *Server) takeOver(path string) error {
	uc, err := dialPath(path)
	if err != nil {
		return err
	}
	c := newConn(uc, false, true)
	defer c.close()
	return s.receive(c, path)
}

// receive is the new one's side.
func (s *Server) receive(c *conn, path string) error {
	r := request{ID: 1, Op: opTakeOver, Token: s.opts.Token}
	if err := c.sendJSON(frameRequest, r, nil, s.soon()); err != nil {
		return err
	}
	var ln *net.UnixListener
	for more := true; more; {
		a, err := readReply(c, r.ID, s.soon(), s.opts.RequestTimeout)
		if err != nil {
			return errors.Join(err, closePath(ln))
		}
		more = a.More
		if ln, err = s.receiveItems(a, ln); err != nil {
			return errors.Join(err, closePath(ln))
		}
	}
	if ln == nil {
		return fmt.Errorf("it gave no path: %w", ErrBadRequest)
	}
	r = request{ID: 2, Op: opCommit, Token: s.opts.Token, Pid: os.Getpid()}
	if err := c.sendJSON(frameRequest, r, nil, s.soon()); err != nil {
		return errors.Join(err, closePath(ln))
	}
	if _, err := readReply(c, r.ID, s.soon(), s.opts.RequestTimeout); err != nil {
		return errors.Join(err, closePath(ln))
	}
	return s.acceptAt(ln, path, directoryOf(path, s.pathDir))
}

// directoryOf is dir if it was made for the path.
func directoryOf(path, dir string) fileID {
	id, err := identify(dir)
	abs, err2 := filepath.Abs(path)
	if dir == "" || err != nil || err2 != nil || id.path != filepath.Dir(abs) || !id.info.IsDir() {
		return fileID{}
	}
	return id
}

func closePath(ln *net.UnixListener) error {
	if ln == nil {
		return nil
	}
	return ln.Close()
}

func readReply(c *conn, id uint64, first time.Time, rest time.Duration) (answer, error) {
	f, err := c.read(first, rest)
	if err != nil {
		return answer{}, err
	}
	r, err := decodeReply(f.body)
	if err == nil && f.kind != frameReply {
		err = fmt.Errorf("frame type %d: %w", f.kind, ErrBadRequest)
	}
	if err != nil {
		closeFDs(f.fds)
		return answer{}, err
	}
	a, err := answer{reply: r, fds: f.fds, lost: f.lost}.checked()
	if err == nil && a.ID != id {
		closeFDs(a.fds)
		return answer{}, fmt.Errorf("a reply to %d instead of %d: %w", a.ID, id, ErrBadRequest)
	}
	return a, err
}

// receiveItems makes entries of descriptors. It returns the path's listener once
// it has come.
func (s *Server) receiveItems(a answer, ln *net.UnixListener) (*net.UnixListener, error) {
	if len(a.fds) != len(a.Items) {
		closeFDs(a.fds)
		return ln, fmt.Errorf("%d descriptors for %d names: %w", len(a.fds), len(a.Items), ErrBadRequest)
	}
	for i, it := range a.Items {
		var err error
		switch {
		case it.Network != "":
			err = s.receiveItem(it, a.fds[i])
		case ln == nil:
			ln, err = pathListener(a.fds[i])
			s.pathDir = it.Dir
		default:
			closeFD(a.fds[i])
			err = fmt.Errorf("a second path: %w", ErrBadRequest)
		}
		if err != nil {
			closeFDs(a.fds[i+1:])
			return ln, err
		}
	}
	return ln, nil
}

func pathListener(fd int) (*net.UnixListener, error) {
	ln, err := listenerOf(fd, "unix", "path")
	if err != nil {
		return nil, err
	}
	ul, ok := ln.(*net.UnixListener)
	if !ok {
		_ = ln.Close()
		return nil, fmt.Errorf("a %T as path: %w", ln, ErrBadRequest)
	}
	return ul, nil
}

// receiveItem takes fd over. What it is bound to the kernel says.
func (s *Server) receiveItem(it item, fd int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(it.Network, it.Address)
	bound, err := specOf(fd)
	if err == nil && bound.proto != protoOf(it.Network) {
		err = fmt.Errorf("it is a socket of %s: %w", bound, ErrBadRequest)
	}
	if err == nil && it.Pending == "" {
		err = s.enter(key, it, bound, fd)
	}
	if err != nil {
		closeFD(fd)
		return fmt.Errorf("look at %s: %w", key, err)
	}
	if it.Pending != "" {
		s.inherited = append(s.inherited, &inheritedSocket{fd: fd, name: it.Pending, spec: bound})
	}
	return nil
}

// enter makes an entry of fd, or adds it to the one whose next slot it is. Call it with mu
// held; after an error fd is still the caller's.
func (s *Server) enter(key string, it item, bound spec, fd int) error {
	if e := s.entries[key]; e != nil {
		if !e.pinned || it.Slot != len(e.fds) || !bound.same(e.bound) {
			return fmt.Errorf("slot %d, %s, after %d: %w", it.Slot, bound, len(e.fds), ErrBadRequest)
		}
		e.fds = append(e.fds, fd)
		return nil
	}
	if it.Slot != 0 {
		return fmt.Errorf("slot %d comes first: %w", it.Slot, ErrBadRequest)
	}
	e := &entry{
		network: it.Network, address: it.Address, bound: bound, fds: []int{fd},
		pinned: it.Pinned, steered: it.Steered, inherited: it.Inherited,
		released: make(map[int]bool), opts: ListenOptions{Backlog: it.Backlog, ReuseAddr: it.ReuseAddr, ReusePort: it.Pinned},
		asked: s.epoch,
	}
	if it.File != "" {
		e.file, _ = identify(it.File) // gone: then there is nothing to remove either
		if !e.file.isOf(bound) {
			return fmt.Errorf("file %q of %s: %w", clip(it.File, 160), bound, ErrBadRequest)
		}
	}
	s.entries[key] = e
	s.order = append(s.order, e)
	return nil
}

// isOf says whether the file can be the socket's: it will be removed one day. The kernel
// knows the path as it was bound, which may be relative.
func (f fileID) isOf(bound spec) bool {
	if bound.file() == "" || filepath.Base(bound.file()) != filepath.Base(f.path) {
		return false
	}
	return f.info == nil || f.info.Mode()&fs.ModeSocket != 0
}

// forget closes everything and removes nothing: it is still another's.
func (s *Server) forget() {
	s.mu.Lock()
	s.takenBy = "nobody"
	s.mu.Unlock()
	_ = s.Close()
}
