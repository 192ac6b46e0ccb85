package workers

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
)

// stage is a life with a test in the place of its process: what it says, logs and ends
// with is kept. Its time is virtual: use it within a synctest bubble.
type stage struct {
	*life
	host fakeHost

	mu    sync.Mutex
	said  []messages.Event
	exits []messages.Exit
	out   bytes.Buffer
}

func (s *stage) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

// begin starts a life of code, with changes to the default configuration.
func begin(code Code, change ...func(*config.Config)) *stage {
	s := &stage{}
	cfg := config.Default()
	for _, f := range change {
		f(&cfg)
	}
	log := logrus.New()
	log.SetOutput(s)
	log.SetLevel(logrus.DebugLevel)
	s.life = newLife(birth{
		incarnation: messages.Incarnation{Generation: 1, Slot: 3, Life: 2}, config: cfg, version: 1,
		shared: map[string][]byte{"port": []byte("80")}, host: &s.host, logger: log, code: code,
		say: func(e messages.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.said = append(s.said, e)
		},
		exited: func(e messages.Exit) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.exits = append(s.exits, e)
		},
	})
	s.start()
	return s
}

// events are those said so far.
func (s *stage) events() []messages.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.said)
}

func (s *stage) isReady() bool { return slices.Contains(s.events(), messages.Event(messages.Ready{})) }

func (s *stage) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// exit is how the life has ended, which it must have done, once.
func (s *stage) exit(t *testing.T) messages.Exit {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.exits) != 1 {
		t.Fatalf("the life has ended %d times", len(s.exits))
	}
	return s.exits[0]
}

// replies are the answers to Asks, by id.
func (s *stage) replies() map[uint64]messages.Reply {
	all := map[uint64]messages.Reply{}
	for _, e := range s.events() {
		if r, ok := e.(messages.Reply); ok {
			all[r.ID] = r
		}
	}
	return all
}

// untilStopped is a Run that does nothing.
func untilStopped(ctx context.Context, _ *Self) error {
	<-ctx.Done()
	return nil
}

// fakeHost listens on pipes within the process.
type fakeHost struct {
	options  []sockets.ListenOptions
	listener *pipeListener
}

func (h *fakeHost) Listen(_, address string, o sockets.ListenOptions) (net.Listener, error) {
	if address == "taken" {
		return nil, errors.New("address already in use")
	}
	h.options = append(h.options, o)
	h.listener = newPipeListener()
	return h.listener, nil
}

func (h *fakeHost) Manager() (path, token string, err error) {
	return "", "", errors.New("no socket manager in this test")
}

func (h *fakeHost) ListenPacket(string, string, sockets.ListenOptions) (net.PacketConn, error) {
	return nil, errors.New("no datagrams in this test")
}

// pipeListener gives out connections that live in virtual time.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial connects, or fails when nobody listens any more.
func (l *pipeListener) dial() (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return mine, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	}
}

const second = time.Second

// work is what code under test does for a while, in virtual time.
func work(d time.Duration) { time.Sleep(d) }

// pass lets virtual time pass, and then everything happen that is due.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	synctest.Wait()
}
