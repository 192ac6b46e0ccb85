package workers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serverengine/serverengine-go/config"
)

// served is a worker that serves HTTP on pipes.
func served(h http.HandlerFunc, change ...func(*config.Config)) *stage {
	return begin(Code{Readiness: ByCall, New: Func(func(ctx context.Context, self *Self) error {
		ln, err := self.Listen("tcp", "free")
		if err != nil {
			return err
		}
		return Serve(ctx, self, &http.Server{Handler: h}, ln)
	})}, change...)
}

// client is one connection that is kept.
type client struct {
	net.Conn
	r *bufio.Reader
}

func (s *stage) connect(t *testing.T) *client {
	t.Helper()
	c, err := s.host.listener.dial()
	if err != nil {
		t.Fatal(err)
	}
	return &client{c, bufio.NewReader(c)}
}

func (c *client) get() (body string, closes bool, err error) {
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", false, err
	}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return "", false, err
	}
	b, err := io.ReadAll(resp.Body)
	return string(b), resp.Close, err
}

func hello(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }

// For drain_wait a stopping server tells clients with kept connections to leave; then
// those that were idle all the time are closed.
func TestServeTellsClientsToLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(hello)
		synctest.Wait()
		if !s.isReady() {
			t.Error("Serve did not say that it is ready")
		}
		busy, idle := s.connect(t), s.connect(t)
		for _, c := range []*client{busy, busy, idle} {
			if body, closes, err := c.get(); body != "hello" || closes || err != nil {
				t.Errorf("%q, closes %t, %v", body, closes, err)
			}
		}
		began := time.Now()
		s.stop(&StopCause{})
		synctest.Wait()
		if _, err := s.host.listener.dial(); err == nil {
			t.Error("a stopping server listens")
		}
		pass(t, second/20)
		if body, closes, err := busy.get(); body != "hello" || !closes || err != nil {
			t.Errorf("during the drain: %q, closes %t, %v", body, closes, err)
		}
		busy.Close()
		if _, err := idle.r.ReadByte(); err != io.EOF {
			t.Errorf("the idle connection: %v", err)
		}
		idle.Close()
		if d := time.Since(began); d < second/10 {
			t.Errorf("the idle connection was closed after %s, before drain_wait", d)
		}
		synctest.Wait()
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
		if d := time.Since(began); d > 2*second {
			t.Errorf("the stop took %s", d)
		}
	})
}

// A request in hand is finished, however long it takes within the limit.
func TestServeFinishesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(func(w http.ResponseWriter, r *http.Request) { work(300 * second); hello(w, r) })
		synctest.Wait()
		c := s.connect(t)
		answer := make(chan string, 1)
		go func() {
			body, _, err := c.get()
			c.Close()
			answer <- fmt.Sprint(body, err)
		}()
		pass(t, second)
		s.stop(&StopCause{})
		if got := <-answer; got != "hello<nil>" {
			t.Errorf("answer %q", got)
		}
		pass(t, second)
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
	})
}

// A request that comes late on a connection from before the stop is answered: the machine
// may be busy. Of one that does not come in time nothing is expected.
func TestServeAnswersWhatIsOnItsWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(hello)
		synctest.Wait()
		late, silent := s.connect(t), s.connect(t)
		defer silent.Close()
		synctest.Wait()
		began := time.Now()
		s.stop(&StopCause{})
		pass(t, 2*second)
		if body, closes, err := late.get(); body != "hello" || !closes || err != nil {
			t.Errorf("%q, closes %t, %v", body, closes, err)
		}
		late.Close()
		if _, err := silent.r.ReadByte(); err != io.EOF {
			t.Errorf("the silent connection: %v", err)
		}
		synctest.Wait()
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
		if d := time.Since(began); d > 10*second {
			t.Errorf("the stop took %s", d)
		}
	})
}

// Shortly before worker_graceful_kill_timeout, after which it would be killed, a worker cuts a
// request off, and that is an error. Also what goes before takes no longer.
func TestServeGivesUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			func(c *config.Config) { c.WorkerGracefulKillTimeout, c.DrainWait = 10*second, 8*second })
		synctest.Wait()
		c, silent := s.connect(t), s.connect(t)
		defer c.Close()
		defer silent.Close()
		broken := make(chan error, 1)
		go func() {
			_, _, err := c.get()
			broken <- err
		}()
		pass(t, second)
		began := time.Now()
		s.stop(&StopCause{})
		if err := <-broken; err == nil {
			t.Error("the request got an answer")
		}
		synctest.Wait()
		if d := time.Since(began); d < 8*second || d >= 10*second {
			t.Errorf("given up after %s", d)
		}
		if e := s.exit(t); !strings.Contains(e.Detail, "drain: closed 1 connections") {
			t.Errorf("exit %s", e)
		}
	})
}

// A hijacked connection, which http.Server forgets, is waited for too.
func TestServeWaitsForHijackedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			go func() {
				work(60 * second)
				fmt.Fprint(c, "late")
				c.Close()
			}()
		})
		synctest.Wait()
		c := s.connect(t)
		defer c.Close()
		fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		s.stop(&StopCause{})
		if b, err := io.ReadAll(c); string(b) != "late" || err != nil {
			t.Errorf("read %q, %v", b, err)
		}
		synctest.Wait()
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
	})
}

// A listener that fails is an error of the worker, not a stop.
func TestServeReportsItsListenersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := served(hello)
		synctest.Wait()
		s.host.listener.Close()
		synctest.Wait()
		if e := s.exit(t); !strings.HasPrefix(e.Detail, "serve pipe: ") {
			t.Errorf("exit %s", e)
		}
	})
}
