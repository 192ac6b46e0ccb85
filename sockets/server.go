package sockets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Server owns listening sockets. All methods may be called from any goroutine.
type Server struct {
	opts Options

	// mu guards what follows. It is held over bind and the like, which do not
	// wait; not over look-ups of names, nor over what a socket file may need
	// (another process's lock and an answer), nor while others take over.
	mu        sync.Mutex
	entries   map[string]*entry // by key; two keys may share an entry
	order     []*entry          // in the order they were opened
	inherited []*inheritedSocket
	slots     int // wanted, 0 until SetSlots
	epoch     uint64
	closed    bool
	moving    *handover // somebody may be about to take over
	takenBy   string    // who took over; "" nobody
	path      *pathSocket
	pathDir   string // of a path that this one took over; "" if none was made for it

	pmu   sync.Mutex
	peers map[*conn]Peer // attached
	wg    sync.WaitGroup // every goroutine of this server
}

// NewServer makes a Server without a path: for its own process and for attached
// peers. Close it.
func NewServer(o Options) *Server {
	s := &Server{
		opts:    o.withDefaults(),
		entries: make(map[string]*entry),
		peers:   make(map[*conn]Peer),
		epoch:   1,
	}
	if s.opts.OnPath == nil {
		s.opts.OnPath = s.whereabouts
	}
	if s.opts.Token == "" {
		var b [32]byte
		_, _ = rand.Read(b[:]) // never fails, see crypto/rand
		s.opts.Token = hex.EncodeToString(b[:])
	}
	for _, in := range o.Inherited {
		if sock := adopt(in); sock != nil {
			s.inherited = append(s.inherited, sock)
		}
	}
	return s
}

// Token is what outsiders must show. Give it to them with Path, in their
// environment only: command lines are public.
func (s *Server) Token() string { return s.opts.Token }

func (s *Server) whereabouts() (path, token string, err error) {
	if path = s.Path(); path == "" {
		return "", "", errors.New("the socket manager has opened no path")
	}
	return path, s.Token(), nil
}

// Listen opens the stream address, or finds it open, and returns a copy of the
// listener. Networks: tcp, tcp4, tcp6, unix, unixpacket. Closing the copy
// leaves the socket and everybody else's copy as they are. Failures are
// *ListenError; a busy port is syscall.EADDRINUSE.
func (s *Server) Listen(network, address string, o ListenOptions) (net.Listener, error) {
	fd, err := s.take(context.Background(), network, address, o)
	if err != nil {
		return nil, err
	}
	ln, err := listenerOf(fd, network, address)
	return ln, listenError(network, address, err)
}

// ListenSlot is Listen with the slot whose pinned socket is meant.
func (s *Server) ListenSlot(slot int, network, address string, o ListenOptions) (net.Listener, error) {
	o.Slot = slot
	return s.Listen(network, address, o)
}

// ListenPacket is Listen for udp, udp4, udp6 and unixgram. With ReusePort,
// o.Slot says whose socket is meant.
func (s *Server) ListenPacket(network, address string, o ListenOptions) (net.PacketConn, error) {
	fd, err := s.take(context.Background(), network, address, o)
	if err != nil {
		return nil, err
	}
	pc, err := packetConnOf(fd, network, address)
	return pc, listenError(network, address, err)
}

// Export returns a copy of the socket for a foreign program (ExtraFiles with
// LISTEN_FDS, say), opened with default options if need be; of pinned sockets,
// slot 0's. It is close-on-exec, which exec.Cmd clears on the child's copy, and non-blocking,
// which must stay so: the flag belongs to all copies.
func (s *Server) Export(network, address string) (*os.File, error) {
	fd, err := s.take(context.Background(), network, address, ListenOptions{})
	if err != nil {
		return nil, err
	}
	return fileOf(fd, network+" "+address), nil
}

// take returns a new descriptor of the asked socket, which is the caller's.
func (s *Server) take(ctx context.Context, network, address string, o ListenOptions) (int, error) {
	err, fd := o.check(), -1
	if err == nil {
		fd, err = s.find(ctx, network, address, o)
	}
	return fd, listenError(network, address, err)
}

// find waits for the end of a handover if it has to open something.
func (s *Server) find(ctx context.Context, network, address string, o ListenOptions) (int, error) {
	for try := 1; ; try++ {
		fd, err := s.tryFind(ctx, network, address, o)
		if !errors.Is(err, ErrMoving) || try == tries || !s.settled(ctx) {
			return fd, err
		}
	}
}

func (s *Server) tryFind(ctx context.Context, network, address string, o ListenOptions) (int, error) {
	key := keyOf(network, address)
	s.mu.Lock()
	if e := s.entries[key]; e != nil {
		defer s.mu.Unlock()
		return s.copyOf(e, o.Slot)
	}
	s.mu.Unlock()

	want, err := resolve(ctx, network, address)
	if err != nil {
		return -1, err
	}
	if want.file() == "" {
		return s.open(key, want, o)
	}
	fd := -1
	err = replacingStale(want.proto, want.file(), func() (err error) {
		fd, err = s.open(key, want, o)
		return err
	})
	return fd, err
}

// open is tryFind for an address that is resolved.
func (s *Server) open(key string, want spec, o ListenOptions) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, err := s.entryFor(key, want, o)
	if err != nil {
		return -1, err
	}
	return s.copyOf(e, o.Slot)
}

// Addresses describes all open sockets, in the order they were opened.
func (s *Server) Addresses() []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Info, 0, len(s.order))
	for _, e := range s.order {
		info := Info{
			Network: e.network, Address: e.address, Bound: e.bound.address(),
			Steered: e.steered, Inherited: e.inherited, Asked: e.asked == s.epoch,
		}
		if e.pinned {
			info.Slots = len(e.fds)
		}
		all = append(all, info)
	}
	return all
}

// Mark begins a new epoch: from here on it counts who is asked for. Call it when
// a restart of everything below begins, Sweep when it is complete.
func (s *Server) Mark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}

// Sweep closes every socket that nobody has asked for since Mark and returns
// their names ("tcp 127.0.0.1:80"), for the log. Copies that somebody still has
// stay open. While others take over it closes none.
func (s *Server) Sweep() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moving != nil {
		return nil
	}
	var names []string
	for _, e := range append([]*entry(nil), s.order...) {
		if e.asked != s.epoch {
			names = append(names, e.network+" "+e.bound.address())
			_ = s.drop(e) // a file that stays is taken for dead by the next who binds
		}
	}
	return names
}

// Close closes all sockets and the path, ends all connections and waits for
// their goroutines. Files of unix sockets are removed, unless another Server
// took over or the file is not the one this Server made; who is about to take over
// does not get them any more. The error names files that this user may not remove.
// Closing twice is fine.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if h := s.moving; h != nil {
		s.mu.Unlock()
		h.conn.close()
		<-h.over
		s.mu.Lock()
	}
	var errs []error
	for _, e := range append([]*entry(nil), s.order...) {
		errs = append(errs, s.drop(e))
	}
	for _, in := range s.inherited {
		closeFD(in.fd)
	}
	s.inherited = nil
	path, keep := s.path, s.takenBy != ""
	s.mu.Unlock()

	if path != nil {
		errs = append(errs, path.close(keep))
	}
	s.pmu.Lock()
	for c := range s.peers {
		c.close()
	}
	s.pmu.Unlock()
	s.wg.Wait()
	return errors.Join(errs...)
}

// usable says why nothing new can be opened. Call it with mu held.
func (s *Server) usable() error {
	switch {
	case s.closed:
		return fmt.Errorf("the socket manager is %w", ErrClosed)
	case s.moving != nil:
		return fmt.Errorf("the sockets are %w", ErrMoving)
	case s.takenBy != "":
		return fmt.Errorf("%w (%s): ask there", ErrTakenOver, s.takenBy)
	}
	return nil
}

// soon is the deadline of everything that should not have to wait.
func (s *Server) soon() time.Time { return time.Now().Add(s.opts.RequestTimeout) }
