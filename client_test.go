//go:build unix

package serverengine_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// address waits for the address that the workers serve on.
func (tr *tree) address() string {
	tr.t.Helper()
	var address string
	eventually(tr.t, "a worker says its address", func() bool {
		for _, r := range tr.log.read() {
			if _, after, ok := strings.Cut(r.Msg, "serving on "); ok {
				address = after
			}
		}
		return address != ""
	})
	return address
}

// get asks on a connection of its own, and never again.
func (tr *tree) get(path string) (string, error) {
	c, err := dial(tr.address())
	if err != nil {
		return "", err
	}
	defer c.Close()
	body, _, err := c.get(path)
	return body, err
}

// mustGet is get for what has to succeed.
func (tr *tree) mustGet(path string) string {
	tr.t.Helper()
	body, err := tr.get(path)
	if err != nil {
		tr.t.Fatalf("get %s: %v", path, err)
	}
	return body
}

// answer is one that is still to come.
type answer struct {
	t    *testing.T
	done chan struct{}
	body string
	err  error
}

// asking sends a request now and reads the answer in the background.
func (tr *tree) asking(path string) *answer {
	tr.t.Helper()
	c, err := dial(tr.address())
	if err != nil {
		tr.t.Fatal(err)
	}
	return tr.askingOn(c, path)
}

// askingOn is asking on a connection, which is not used any more afterwards.
func (tr *tree) askingOn(c *conn, path string) *answer {
	a := &answer{t: tr.t, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		defer c.Close()
		a.body, _, a.err = c.get(path)
	}()
	return a
}

// wait returns the answer.
func (a *answer) wait() (string, error) {
	a.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-a.done:
		return a.body, a.err
	case <-timer.C:
		a.t.Fatal("no answer")
		return "", nil
	}
}

// arrives wants an answer with this text.
func (a *answer) arrives(text string) {
	a.t.Helper()
	if body, err := a.wait(); err != nil || !strings.Contains(body, text) {
		a.t.Errorf("the request in hand got %q, %v; want %q", body, err, text)
	}
}

// breaks wants no answer.
func (a *answer) breaks() {
	a.t.Helper()
	if body, err := a.wait(); err == nil {
		a.t.Errorf("the request in hand got %q although it was to be cut off", body)
	}
}

// gate holds a request in a worker until it is opened: the reader of a pipe with a name
// waits for a writer.
type gate struct {
	t    *testing.T
	path string
	once sync.Once
}

// hold sends a request that stays in hand until the gate is opened, and waits for it to
// be there.
func (tr *tree) hold() (*answer, *gate) {
	tr.t.Helper()
	c, err := dial(tr.address())
	if err != nil {
		tr.t.Fatal(err)
	}
	return tr.holdOn(c)
}

// holdOn is hold on a connection to some worker.
func (tr *tree) holdOn(c *conn) (*answer, *gate) {
	tr.t.Helper()
	g := &gate{t: tr.t, path: tr.path(fmt.Sprintf("gate%d", gates.Add(1)))}
	if err := syscall.Mkfifo(g.path, 0o600); err != nil {
		tr.t.Fatal(err)
	}
	a := tr.askingOn(c, "/hold?gate="+g.path)
	tr.finds("the request is in hand", func(r record) bool { return strings.Contains(r.Msg, "holding "+g.path) })
	return a, g
}

var gates atomic.Int64

// open lets the request go on.
func (g *gate) open() {
	g.once.Do(func() {
		// Not blocking: who was to read may be gone.
		if f, err := os.OpenFile(g.path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			f.Close()
		}
	})
}

// conn is an HTTP client that never tries again by itself, as the one of the standard
// library does: what breaks shows.
type conn struct {
	net.Conn
	r   *bufio.Reader
	pid string // of the worker that has answered on it
}

func dial(address string) (*conn, error) {
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReader(c)}, nil
}

// get reports also whether the server keeps the connection.
func (c *conn) get(path string) (body string, keep bool, err error) {
	_ = c.SetDeadline(time.Now().Add(patience)) // an error shows at the next use
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path); err != nil {
		return "", false, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", false, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, b)
	}
	return string(b), !resp.Close, err
}

// load is many clients at once.
type load struct {
	address  string
	keep     bool // connections
	stop     chan struct{}
	clients  sync.WaitGroup
	answered atomic.Int64
	refused  atomic.Int64 // connections
	mu       sync.Mutex
	broken   []error        // requests on a connection that was accepted
	pids     map[string]int // answers, by the worker's pid
}

func (tr *tree) load(clients int, keep bool) *load {
	l := &load{address: tr.address(), keep: keep, stop: make(chan struct{}), pids: map[string]int{}}
	for range clients {
		l.clients.Go(l.client)
	}
	return l
}

// finish ends the clients after the request each has in hand.
func (l *load) finish() {
	close(l.stop)
	l.clients.Wait()
}

func (l *load) client() {
	var c *conn
	for {
		select {
		case <-l.stop:
			if c != nil {
				c.Close()
			}
			return
		default:
		}
		if c == nil {
			var err error
			if c, err = dial(l.address); err != nil {
				if l.lost(err) {
					return
				}
				continue
			}
		}
		c = l.ask(c)
	}
}

// lost notes a connection that was refused. Nobody listens any more: the client ends.
func (l *load) lost(err error) bool {
	if errors.Is(err, syscall.ECONNREFUSED) {
		l.refused.Add(1)
		return true
	}
	l.failed(err)
	return false
}

// brokenOn is a request that broke on a connection of this worker; of none that is known if it
// was the first one there.
type brokenOn struct {
	error
	pid string
}

func (l *load) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = append(l.broken, err)
}

// ask sends one request; it returns the connection if it may be used again.
func (l *load) ask(c *conn) *conn {
	body, keep, err := c.get("/")
	if err != nil {
		c.Close()
		l.failed(brokenOn{err, c.pid})
		return nil
	}
	l.answered.Add(1)
	c.pid = field(body, "pid")
	l.mu.Lock()
	l.pids[c.pid]++
	l.mu.Unlock()
	if !keep || !l.keep {
		c.Close()
		return nil
	}
	return c
}

// reaches waits until the clients have got n answers more.
func (l *load) reaches(t *testing.T, n int64) {
	t.Helper()
	want := l.answered.Load() + n
	eventually(t, fmt.Sprintf("%d more answers", n), func() bool { return l.answered.Load() >= want })
}

// field takes a value out of "name=value name=value".
func field(body, name string) string {
	for _, f := range strings.Fields(body) {
		if v, ok := strings.CutPrefix(f, name+"="); ok {
			return v
		}
	}
	return ""
}
