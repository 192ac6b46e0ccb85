package sockets

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Open makes a Server with default options and opens path, see OpenPath.
func Open(path string) (*Server, error) {
	s := NewServer(Options{})
	if err := s.OpenPath(path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// pathSocket is the unix socket outsiders connect to.
type pathSocket struct {
	ln   *net.UnixListener
	file fileID
	dir  fileID // made for it alone; the zero value if it was not

	mu      sync.Mutex
	guest   *User // whose it is beside this process's; nil = nobody's
	clients map[*outsider]struct{}
	closed  bool
}

// outsider is one connection to the path.
type outsider struct {
	conn    *conn
	since   time.Time // last request, or when it came
	trusted bool      // has shown the token
	busy    bool      // between request and reply
}

// OpenPath opens the unix socket at path for outsiders; "" is GeneratePath. The
// socket is 0600; a socket file that nobody listens on is replaced. A Server has
// one path at most.
func (s *Server) OpenPath(path string) error {
	if path == "" {
		return s.openGenerated(nil)
	}
	if err := checkPath(path); err != nil {
		return fmt.Errorf("sockets: open the socket manager: %w", err)
	}
	ln, err := listenPath(path)
	if err != nil {
		return fmt.Errorf("sockets: open the socket manager at %s: %w", path, listenError("unix", path, err))
	}
	return s.acceptAt(ln, path, generated.of(path))
}

// openGenerated leaves nothing behind if it fails.
func (s *Server) openGenerated(who *User) error {
	path, err := generatePath(who)
	if err != nil {
		return err
	}
	if err := s.OpenPath(path); err != nil {
		generated.remove(generated.of(path), false)
		return err
	}
	return nil
}

// acceptAt takes ln over and serves it. dir is to be removed with the path.
func (s *Server) acceptAt(ln *net.UnixListener, path string, dir fileID) error {
	file, err := identify(path)
	if err != nil {
		_ = ln.Close()
		return fmt.Errorf("sockets: open the socket manager: %w", err)
	}
	p := &pathSocket{ln: ln, file: file, dir: dir, clients: make(map[*outsider]struct{})}
	s.mu.Lock()
	err = s.usable()
	if err == nil && s.path != nil {
		err = fmt.Errorf("it is open at %s already", s.path.file.path)
	}
	if err == nil {
		s.path = p
		s.wg.Add(1)
	}
	s.mu.Unlock()
	if err != nil {
		_ = ln.Close()
		_ = file.remove()
		return fmt.Errorf("sockets: open the socket manager at %s: %w", path, err)
	}
	go func() {
		defer s.wg.Done()
		s.accept(p)
	}()
	return nil
}

// Path is where outsiders connect, "" without OpenPath.
func (s *Server) Path() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path == nil {
		return ""
	}
	return s.path.file.path
}

func (p *pathSocket) accept() (*net.UnixConn, error) {
	wait := 5 * time.Millisecond
	for {
		uc, err := p.ln.AcceptUnix()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return uc, err
		}
		// No descriptors left, or the like: it may pass, and must not spin.
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
}

func (s *Server) accept(p *pathSocket) {
	for {
		uc, err := p.accept()
		if err != nil {
			return
		}
		o := &outsider{conn: newConn(uc, false, false), since: time.Now()}
		if !p.add(o, s.opts.MaxClients) {
			o.conn.close()
			continue
		}
		s.wg.Add(1) // fine beside Close's Wait: this goroutine counts as well
		go func() {
			defer s.wg.Done()
			s.serveOutsider(p, o)
			p.remove(o)
		}()
	}
}

// add makes room if there is none. Who has not shown the token goes first,
// then who has been idle longest.
func (p *pathSocket) add(o *outsider, limit int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if len(p.clients) >= limit {
		victim := p.victim()
		if victim == nil {
			return false
		}
		delete(p.clients, victim)
		victim.conn.close()
	}
	p.clients[o] = struct{}{}
	return true
}

func (p *pathSocket) victim() *outsider {
	var v *outsider
	for o := range p.clients {
		switch {
		case o.busy:
		case v == nil, v.trusted && !o.trusted:
			v = o
		case v.trusted == o.trusted && o.since.Before(v.since):
			v = o
		}
	}
	return v
}

func (p *pathSocket) remove(o *outsider) {
	p.mu.Lock()
	delete(p.clients, o)
	p.mu.Unlock()
	o.conn.close()
}

// working notes the beginning and the end of a request.
func (p *pathSocket) working(o *outsider, busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.busy, o.since = busy, time.Now()
}

// stop ends accepting. The file stays.
func (p *pathSocket) stop() { _ = p.ln.Close() }

// close ends everything and removes the file, and the directory that was made
// for it, unless keep.
func (p *pathSocket) close(keep bool) error {
	p.stop()
	p.mu.Lock()
	p.closed = true
	for o := range p.clients {
		o.conn.close()
	}
	p.mu.Unlock()
	var err error
	if !keep {
		err = p.file.remove()
	}
	generated.remove(p.dir, keep)
	return err
}

// serveOutsider ends with the first request that is not in order.
func (s *Server) serveOutsider(p *pathSocket, o *outsider) {
	uid, err := peerUID(o.conn.uc)
	if err == nil && !s.allowed(p, uid) {
		err = fmt.Errorf("user %d: %w", uid, ErrDenied)
	}
	if err != nil {
		s.refuse(o.conn, 0, err)
		return
	}
	first := s.soon()
	for {
		f, err := o.conn.read(first, s.opts.RequestTimeout)
		if err != nil {
			if errors.Is(err, ErrBadRequest) || errors.Is(err, ErrTooLarge) {
				s.refuse(o.conn, 0, err)
			}
			return
		}
		p.working(o, true)
		ok := s.answerOutsider(p, o, f)
		p.working(o, false)
		if !ok {
			return
		}
		first = never // from here on it is trusted, and may be silent
	}
}

func (s *Server) allowed(p *pathSocket, uid uint32) bool {
	if s.opts.AllowUID != nil {
		return s.opts.AllowUID(uid)
	}
	return uid == 0 || uid == uint32(os.Geteuid()) || p.isGuest(uid)
}

func (p *pathSocket) isGuest(uid uint32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.guest != nil && p.guest.UID == uid
}

// answerOutsider reports whether the connection goes on.
func (s *Server) answerOutsider(p *pathSocket, o *outsider, f frame) bool {
	if f.lost != nil {
		return false // an outsider brings none
	}
	if f.kind != frameRequest {
		return s.refuse(o.conn, 0, fmt.Errorf("frame type %d from an outsider: %w", f.kind, ErrDenied))
	}
	r, err := decodeRequest(f.body)
	if subtle.ConstantTimeCompare([]byte(r.Token), []byte(s.opts.Token)) != 1 {
		if err == nil {
			err = fmt.Errorf("wrong token: %w", ErrDenied)
		}
		s.refuse(o.conn, 0, err)
		return false
	}
	p.mu.Lock()
	o.trusted = true
	p.mu.Unlock()
	if err != nil {
		return s.refuse(o.conn, r.ID, err)
	}
	if r.Op == opTakeOver {
		s.giveAway(o.conn, r)
		return false
	}
	return s.answer(o.conn, r)
}
