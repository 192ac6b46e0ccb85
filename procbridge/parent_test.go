package procbridge

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serverengine/serverengine-go/messages"
)

// bridge is a child's side in this process, and the parent's ends of its pipes.
func bridge(t *testing.T, g grant) (p *Parent, down, up *os.File) {
	t.Helper()
	downR, downW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	upR, upW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p = newParent(&g, downR, upW, nil)
	t.Cleanup(func() {
		p.Beats(0)
		downW.Close()
		upR.Close()
		for range p.Commands() {
		}
		p.queue.close(ErrClosed)
		<-p.queue.finished
		downR.Close()
		upW.Close()
		goleak.VerifyNone(t)
	})
	return p, downW, upR
}

func writeFrames(t *testing.T, w *os.File, all ...any) {
	t.Helper()
	for _, m := range all {
		b, err := Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReaderOfTheChildWaitsForNobody(t *testing.T) {
	p, down, _ := bridge(t, grant{Queue: 1})
	for range 10000 { // nobody takes a command or a delivery meanwhile
		writeFrames(t, down, messages.Reload{}, messages.Deliver{})
	}
	down.Close()
	<-p.Gone()
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for c := range p.Commands() {
		if c != (messages.Reload{}) {
			t.Fatalf("command %d is %v", n, c)
		}
		n++
	}
	if n != 10000 {
		t.Fatalf("%d commands came", n)
	}
	if kept := len(p.Deliveries()); kept != 1 || p.Dropped() != 9999 {
		t.Fatalf("%d deliveries were kept, %d dropped", kept, p.Dropped())
	}
	select {
	case <-p.Drops():
	default:
		t.Error("nobody is told of the drops")
	}
}

func TestBrokenLifelineIsALostParent(t *testing.T) {
	for name, stream := range map[string]string{
		"no frame":   "hello, is anybody there?",
		"bad body":   "SE\x01\x03\x00\x00\x00\x01{",
		"bad user":   "SE\x01\x0b\x00\x00\x00\x01{",
		"half frame": "SE\x01\x03\x00\x00\x00\x04",
	} {
		t.Run(name, func(t *testing.T) {
			p, down, _ := bridge(t, grant{})
			if err := p.Err(); err != nil {
				t.Fatal(err)
			}
			down.WriteString("SE\x01\x3f\x00\x00\x00\x01?") // from a newer parent: skipped
			down.WriteString("SE\x01\x41\x00\x00\x00\x00")  // an event: skipped
			down.WriteString(stream)
			if name == "half frame" {
				down.Close()
			}
			<-p.Gone()
			if err := p.Err(); err == nil {
				t.Fatal("no error")
			}
			if n := p.Skipped(); n != 2 {
				t.Fatalf("%d frames were skipped", n)
			}
		})
	}
}

func TestBeatsAreSentWhenNothingElseIs(t *testing.T) {
	p, _, up := bridge(t, grant{})
	r := NewReader(up, 0)
	next := func() Type {
		t.Helper()
		up.SetReadDeadline(time.Now().Add(patienceHere))
		typ, _, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		return typ
	}
	p.Beats(time.Hour)
	p.Beats(5 * time.Millisecond) // replaces it
	for range 3 {
		if typ := next(); typ != TypeBeat {
			t.Fatalf("a %s came", typ)
		}
	}
	p.Beats(time.Hour)
	if err := p.Send(messages.Ready{}); err != nil {
		t.Fatal(err)
	}
	for next() != TypeReady { // beats that were on their way
	}
	p.Beats(0)
	p.Beats(0)
	if err := p.Hello("x"); err != nil {
		t.Fatal(err)
	}
	for next() != TypeHello { // likewise
	}
}

// A parent that does not read must not find a heap of beats later.
func TestBeatsDoNotPileUp(t *testing.T) {
	p, _, up := bridge(t, grant{})
	filler := messages.ConfigSeen{Err: string(make([]byte, 1000))}
	for range 200 { // more than a pipe holds
		if err := p.Send(filler); err != nil {
			t.Fatal(err)
		}
	}
	p.Beats(time.Millisecond)
	if err := p.Flush(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("flush into a full pipe: %v", err)
	}
	p.Beats(0)
	if err := p.Send(messages.Closing{}); err != nil {
		t.Fatal(err)
	}
	up.SetReadDeadline(time.Now().Add(patienceHere))
	r, beats := NewReader(up, 0), 0
	for {
		typ, _, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if typ == TypeClosing {
			break
		}
		if typ == TypeBeat {
			beats++
		}
	}
	if beats > 1 { // one may have been sent before the pipe was full
		t.Fatalf("%d beats were waiting", beats)
	}
}

func TestGrantsThatCannotBe(t *testing.T) {
	for name, value := range map[string]string{
		"no JSON":          "hello",
		"other version":    `{"v":2,"down":3,"up":4}`,
		"one pipe":         `{"v":1,"down":3,"up":3}`,
		"no pipe":          `{"v":1,"up":4}`,
		"stderr":           `{"v":1,"down":3,"up":2}`,
		"a file twice":     `{"v":1,"down":3,"up":4,"files":{"a":5,"b":5}}`,
		"a pipe as file":   `{"v":1,"down":3,"up":4,"files":{"a":4}}`,
		"cut by a kernel":  `{"v":1,"down":4294967299,"up":4}`,
		"endless queue":    `{"v":1,"down":3,"up":4,"queue":1152921504606846976}`,
		"negative queue":   `{"v":1,"down":3,"up":4,"queue":-1}`,
		"endless messages": `{"v":1,"down":3,"up":4,"max":4294967296}`,
	} {
		if g, err := parseGrant(value); err == nil {
			t.Errorf("%s: %+v", name, g)
		}
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, n := range map[string]uintptr{"no pipe": null.Fd(), "not open": 100000} {
		if err := checkPipe(n, "down"); err == nil {
			t.Errorf("%s was taken for a pipe", name)
		}
	}
}

// What can't be taken whole is left to whom it belongs: also the garbage collector closes
// nothing of it.
func TestGrantsAreTakenWholeOrNotAtAll(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, g := range []*grant{
		{Down: r.Fd(), Up: 100000},
		{Down: r.Fd(), Up: w.Fd(), Files: map[string]uintptr{"log": 100000}},
	} {
		if down, up, files, err := takeFiles(g); err == nil || down != nil || up != nil || files != nil {
			t.Errorf("%v, %v, %v, %v", down, up, files, err)
		}
	}
	for range 2 {
		runtime.GC() // runs finalizers
		time.Sleep(time.Millisecond)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Error(err)
	}
}

func TestEnvironmentIsCleaned(t *testing.T) {
	c := Command{Env: []string{
		"A=1", "B=2", EnvVar + "={}", "LISTEN_FDS=1", "LISTEN_PID=2", "LISTEN_FDNAMES=x", "NOTIFY_SOCKET=/x",
		"WATCHDOG_PID=1", "WATCHDOG_USEC=2", "A=3", "LISTEN=kept", "NOVALUE",
	}}
	got := c.environ()
	want := []string{"B=2", "A=3", "LISTEN=kept", "NOVALUE"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for k := range want {
		if got[k] != want[k] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
