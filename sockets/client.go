package sockets

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"
)

// requestTimeout bounds a call of a Client without a context of its own.
const requestTimeout = 10 * time.Second

// never is no deadline.
var never time.Time

// Client asks a Server in another process, or in this one. All methods may be
// called from any goroutine. The owner answers one after another what comes over one
// connection: a name that is slow to look up delays what was asked after it, of this
// Client and of nobody else. Replies are matched by id, so a late one is dropped.
type Client struct {
	dial func() (*link, error) // of outsiders: to reconnect; nil for attached ones
	slot int                   // of requests that name none

	mu     sync.Mutex
	link   *link
	closed bool
}

// FromFile makes the Client of a child from its end of a Pair, which it takes
// over. A descriptor inherited over exec becomes a file by os.NewFile; set it
// close-on-exec in the child so that its own children don't get it too.
func FromFile(f *os.File) (*Client, error) {
	c, err := connOf(f)
	if err != nil {
		return nil, err
	}
	return &Client{link: newLink(c, "")}, nil
}

// Listen returns a copy of the owner's listener for the address, see
// Server.Listen. It gives up after 10 s.
func (c *Client) Listen(network, address string) (net.Listener, error) {
	return c.ListenWith(network, address, ListenOptions{})
}

// ListenWith is Listen with options.
func (c *Client) ListenWith(network, address string, o ListenOptions) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return c.ListenContext(ctx, network, address, o)
}

// ListenContext is Listen with options, until ctx is done.
func (c *Client) ListenContext(ctx context.Context, network, address string, o ListenOptions) (net.Listener, error) {
	fd, err := c.ask(ctx, network, address, o)
	if err != nil {
		return nil, listenError(network, address, err)
	}
	ln, err := listenerOf(fd, network, address)
	return ln, listenError(network, address, err)
}

// ListenPacket returns a copy of the owner's datagram socket, see
// Server.ListenPacket. It gives up after 10 s.
func (c *Client) ListenPacket(network, address string) (net.PacketConn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	return c.ListenPacketContext(ctx, network, address, ListenOptions{})
}

// ListenPacketContext is ListenPacket with options, until ctx is done.
func (c *Client) ListenPacketContext(ctx context.Context, network, address string, o ListenOptions) (net.PacketConn, error) {
	fd, err := c.ask(ctx, network, address, o)
	if err != nil {
		return nil, listenError(network, address, err)
	}
	pc, err := packetConnOf(fd, network, address)
	return pc, listenError(network, address, err)
}

// ListenTCP is Listen on bind and port, with the seed's arguments. An empty bind
// is dual stack.
func (c *Client) ListenTCP(bind string, port int) (net.Listener, error) {
	return c.Listen("tcp", net.JoinHostPort(bind, strconv.Itoa(port)))
}

// ListenUDP is ListenPacket on bind and port, with the seed's arguments.
func (c *Client) ListenUDP(bind string, port int) (net.PacketConn, error) {
	return c.ListenPacket("udp", net.JoinHostPort(bind, strconv.Itoa(port)))
}

// Hand gives descriptors to the owner, with a tag that says what they are. It
// does not wait for an answer: once it returns, the message is in the kernel
// and will be handled before anything sent later on this connection. The files
// stay the caller's, who closes them. At most MaxFiles files and MaxBody bytes.
// Only attached peers may hand; an outsider loses its connection.
func (c *Client) Hand(tag []byte, files ...*os.File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("sockets: hand over %d descriptors, %d are allowed: %w", len(files), MaxFiles, ErrTooLarge)
	}
	fds := make([]int, 0, len(files))
	defer func() { closeFDs(fds) }()
	for _, f := range files {
		fd, err := dupConn(f)
		if err != nil {
			return fmt.Errorf("sockets: hand over %s: %w", f.Name(), err)
		}
		fds = append(fds, fd)
	}
	l, err := c.current()
	if err == nil {
		err = l.conn.send(frameHand, tag, fds, time.Now().Add(requestTimeout))
	}
	if err != nil {
		return fmt.Errorf("sockets: hand over %d descriptors: %w", len(files), err)
	}
	return nil
}

// Path asks where programs that are not attached may Dial, and the token that they need:
// give them both in their environment. Only attached peers are told. It gives up after 10 s.
func (c *Client) Path() (path, token string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	a, err := c.roundTrip(ctx, request{Op: opPath})
	if err != nil {
		return "", "", fmt.Errorf("sockets: ask where outsiders connect: %w", err)
	}
	closeFDs(a.fds) // none
	return a.reply.Path, a.reply.Token, nil
}

// Close ends the connection. Copies that were given stay open.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	l := c.link
	c.mu.Unlock()
	if l != nil {
		l.conn.close()
		<-l.done
	}
	return nil
}

// current is the connection to use, made anew if an outsider's is gone.
func (c *Client) current() (*link, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("the client is %w", ErrClosed)
	}
	if c.dial == nil || !c.link.gone() {
		return c.link, nil
	}
	if err := c.link.cause(); errors.Is(err, ErrDenied) {
		return nil, err // asking again would not change that
	}
	l, err := c.dial()
	if err != nil {
		return nil, err
	}
	c.link = l
	return l, nil
}

// ask requests one descriptor.
func (c *Client) ask(ctx context.Context, network, address string, o ListenOptions) (int, error) {
	if o.Slot == 0 {
		o.Slot = c.slot
	}
	a, err := c.roundTrip(ctx, request{
		Op: opListen, Network: network, Address: address,
		Backlog: o.Backlog, ReuseAddr: o.ReuseAddr, ReusePort: o.ReusePort, Slot: o.Slot,
	})
	if err != nil {
		return -1, err
	}
	if len(a.fds) != 1 {
		closeFDs(a.fds)
		return -1, fmt.Errorf("the answer has %d descriptors: %w", len(a.fds), ErrBadRequest)
	}
	return a.fds[0], nil
}

// tries is how often an outsider asks. Asking again is harmless, the same
// address is the same socket; so it does when its connection ended without an
// answer (it was evicted) or leads to a Server that has given its sockets away.
const tries = 4

func (c *Client) roundTrip(ctx context.Context, r request) (answer, error) {
	for try := 1; ; try++ {
		l, err := c.current()
		if err != nil {
			return answer{}, err
		}
		a, err := l.roundTrip(ctx, r)
		moved := errors.Is(err, ErrTakenOver) || errors.Is(err, ErrClosed)
		if c.dial == nil || try == tries || !moved && !errors.Is(err, errGone) {
			return a, err
		}
		if moved {
			l.conn.close() // the same path leads to the new one
			<-l.done
		}
	}
}

// errGone is a connection that ended before the answer came.
var errGone = errors.New("the socket manager closed the connection")

// answer is a reply with its descriptors, or with why they are missing.
type answer struct {
	reply
	fds  []int
	lost error
}

// link is one connection and the requests waiting on it.
type link struct {
	conn  *conn
	token string
	done  chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan answer
	err     error // why it ended
}

func newLink(c *conn, token string) *link {
	l := &link{conn: c, token: token, done: make(chan struct{}), waiting: make(map[uint64]chan answer)}
	go l.read()
	return l
}

func (l *link) gone() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// cause is why the link is gone.
func (l *link) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// read delivers replies until the connection ends.
func (l *link) read() {
	defer close(l.done)
	defer l.conn.close()
	for {
		f, err := l.conn.read(never, requestTimeout)
		if err == nil && f.kind != frameReply {
			closeFDs(f.fds)
			err = fmt.Errorf("frame type %d from the socket manager: %w", f.kind, ErrBadRequest)
		}
		if err == nil {
			err = l.deliver(f)
		}
		if err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
			return
		}
	}
}

func (l *link) deliver(f frame) error {
	r, err := decodeReply(f.body)
	if err != nil {
		closeFDs(f.fds)
		return err
	}
	if r.ID == 0 {
		closeFDs(f.fds)
		if err := r.fromWire(); err != nil {
			return err
		}
		return fmt.Errorf("a reply without id: %w", ErrBadRequest)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ch := l.waiting[r.ID]
	if ch == nil { // whoever asked has given up
		closeFDs(f.fds)
		return nil
	}
	ch <- answer{reply: r, fds: f.fds, lost: f.lost} // has room: one reply per request, see roundTrip
	delete(l.waiting, r.ID)
	return nil
}

func (l *link) roundTrip(ctx context.Context, r request) (answer, error) {
	ch := make(chan answer, 1)
	l.mu.Lock()
	l.next++
	r.ID, r.Token = l.next, l.token
	l.waiting[r.ID] = ch
	l.mu.Unlock()
	if err := l.write(ctx, r); err != nil {
		return l.giveUp(r.ID, ch, err)
	}
	select {
	case a := <-ch:
		return a.checked()
	case <-ctx.Done():
		return l.giveUp(r.ID, ch, fmt.Errorf("no answer from the socket manager: %w", ctx.Err()))
	case <-l.done:
		return l.giveUp(r.ID, ch, errGone)
	}
}

func (l *link) write(ctx context.Context, r request) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(requestTimeout)
	}
	err = l.conn.send(frameRequest, body, nil, deadline)
	if err == nil || errors.Is(err, ErrTooLarge) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	// The reader knows better why: a refusal may lie there unread.
	_ = l.conn.uc.SetReadDeadline(time.Now().Add(time.Second))
	<-l.done
	return errGone
}

// giveUp forgets a request. The answer may have come in the meantime.
func (l *link) giveUp(id uint64, ch chan answer, err error) (answer, error) {
	l.mu.Lock()
	delete(l.waiting, id)
	if errors.Is(err, errGone) && l.err != nil {
		if errors.Is(l.err, ErrDenied) || errors.Is(l.err, ErrBadRequest) || errors.Is(l.err, ErrTooLarge) {
			err = l.err
		} else {
			err = fmt.Errorf("%w: %w", errGone, l.err)
		}
	}
	l.mu.Unlock()
	select {
	case a := <-ch:
		return a.checked()
	default:
		return answer{}, err
	}
}

func (a answer) checked() (answer, error) {
	if err := cmp.Or(a.fromWire(), a.lost); err != nil {
		closeFDs(a.fds)
		return answer{}, err
	}
	return a, nil
}
