//go:build unix

package procbridge

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serverengine/serverengine-go/messages"
)

// patience is how long a test waits for what should take milliseconds: it decides only when
// a broken run ends.
const patience = 60 * time.Second

// child is a process under test.
type child struct {
	*Process
	t *testing.T
}

// play starts this binary in a role. The test ends it, and what it cost must be given back.
func play(t *testing.T, role string, change ...func(*Command)) *child {
	t.Helper()
	played.Store(role, true)
	c := Command{Wire: true, Stderr: os.Stderr, Info: map[string]string{"role": role}, Env: testEnv()}
	for _, f := range change {
		f(&c)
	}
	if c.Image == nil && c.Path == "" {
		img, err := CurrentImage()
		if err != nil {
			t.Fatal(err)
		}
		defer img.Release()
		c.Image = img
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return &child{Process: p, t: t}
}

// testEnv keeps a coverage run from writing into stderr, and a child under the race detector
// from sleeping a second at its exit.
func testEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GOCOVERDIR=") })
	return append(env, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
}

func withEnv(entries ...string) func(*Command) {
	return func(c *Command) { c.Env = append(c.Env, entries...) }
}

// event waits for the next one.
func (c *child) event() Event {
	c.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case e, ok := <-c.Events():
		if !ok {
			c.t.Fatal("the events have ended")
		}
		return e
	case <-timer.C:
		c.t.Fatal("no event")
	}
	return nil
}

// hello takes the first frame.
func (c *child) hello() {
	c.t.Helper()
	f, ok := c.event().(Frame)
	if ok {
		_, ok = f.Event.(messages.Hello)
	}
	if !ok {
		c.t.Fatalf("the first event is %+v", f)
	}
}

// frame is the next message of this type; others are passed over.
func frame[T messages.Event](c *child) T {
	c.t.Helper()
	for {
		switch e := c.event().(type) {
		case Frame:
			if m, ok := e.Event.(T); ok {
				return m
			}
		case Garbage:
			c.t.Fatalf("garbage %q: %v", e.First, e.Err)
		case Exited:
			c.t.Fatalf("it ended: %s", e.Exit)
		}
	}
}

// exit reads on to the end.
func (c *child) exit() messages.Exit {
	c.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var last Event
	for {
		select {
		case e, ok := <-c.Events():
			if ok {
				last = e
				continue
			}
			x, ok := last.(Exited)
			if !ok {
				c.t.Fatalf("the last event is %+v", last)
			}
			return x.Exit
		case <-timer.C:
			c.t.Fatal("it does not end")
		}
	}
}

func (c *child) wantExit(cause messages.ExitCause, code int) {
	c.t.Helper()
	if x := c.exit(); x.Cause != cause || x.Code != code {
		c.t.Fatalf("it ended with %s (code %d), want %s, code %d", x, x.Code, cause, code)
	}
}

// eventually waits until something holds that no event tells of.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// clean fails the test if it leaves a goroutine, a descriptor, a zombie or a process.
func clean(t *testing.T) {
	t.Helper()
	before := descriptors(t)
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(running); err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
		if after := descriptors(t); len(after) != len(before) {
			t.Errorf("descriptors before: %v, after: %v", before, after)
		}
		eventually(t, "no child process is left", func() bool { return len(offspring(t)) == 0 })
	})
}

// capture gives a pipe's write end, and what was written to it when all writers are gone.
func capture(t *testing.T) (w *os.File, text func() string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer r.Close()
		b.ReadFrom(r)
	}()
	return w, func() string {
		w.Close()
		<-done
		return b.String()
	}
}
