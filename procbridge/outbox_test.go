package procbridge

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/serverengine/serverengine-go/messages"
)

// gate is a pipe that takes one write at a time, when the test lets it.
type gate struct {
	pass chan struct{} // one value for each write; closed = all
	took chan struct{} // one value when a write has come
	mu   sync.Mutex
	buf  bytes.Buffer
	err  error
}

func newGate() *gate { return &gate{pass: make(chan struct{}), took: make(chan struct{}, 1000)} }

func (g *gate) Write(b []byte) (int, error) {
	g.took <- struct{}{}
	<-g.pass
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return 0, g.err
	}
	return g.buf.Write(b)
}

func (g *gate) types(t *testing.T) (out []Type) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	r := NewReader(bytes.NewReader(g.buf.Bytes()), 0)
	for {
		typ, _, err := r.ReadFrame()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, typ)
	}
}

func TestControlOvertakesUserFrames(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	o := newOutbox(g, 0, 0)
	defer o.close(ErrClosed)
	body := make([]byte, 1000)
	for range 500 { // several pieces
		if err := o.deliver(&messages.Deliver{Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	<-g.took // the first piece is on its way
	if err := o.control(messages.Stop{}); err != nil {
		t.Fatal(err)
	}
	close(g.pass)
	if err := o.flush(patienceHere); err != nil {
		t.Fatal(err)
	}
	got := g.types(t)
	if len(got) != 501 {
		t.Fatalf("%d frames were written", len(got))
	}
	for k, typ := range got {
		if typ == TypeStop {
			if k > 2*writeChunk/len(body) {
				t.Fatalf("the control frame is number %d", k)
			}
			return
		}
	}
	t.Fatal("the control frame is missing")
}

const patienceHere = time.Minute

func TestUserQueueIsBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	o := newOutbox(g, 0, 10)
	fill := func() (n int) {
		for ; n < 100; n++ {
			if err := o.reply(&messages.Reply{ID: uint64(n)}); err != nil {
				if !errors.Is(err, ErrBusy) {
					t.Fatal(err)
				}
				return n
			}
		}
		return n
	}
	if n := fill(); n < 10 || n > 20 { // what the writer has taken does not wait any more
		t.Fatalf("%d frames were taken", n)
	}
	for range 1000 {
		if err := o.control(messages.Ready{}); err != nil {
			t.Fatal(err)
		}
	}
	close(g.pass)
	if err := o.flush(patienceHere); err != nil {
		t.Fatal(err)
	}
	if n := fill(); n < 10 {
		t.Fatalf("after the flush only %d frames were taken", n)
	}
	o.close(ErrClosed)
	<-o.finished
}

func TestUserBytesAreBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	o := newOutbox(g, 64<<20, 1000)
	body, taken := make([]byte, 5<<20), 0
	for ; taken < 20; taken++ {
		if err := o.deliver(&messages.Deliver{Body: body}); err != nil {
			break
		}
	}
	if taken < 3 || taken > 7 {
		t.Errorf("%d frames of 5 MiB were taken", taken)
	}
	large := newOutbox(g, 64<<20, 1000)
	if err := large.deliver(&messages.Deliver{Body: make([]byte, 20<<20)}); err != nil {
		t.Errorf("a large frame alone: %v", err)
	}
	o.close(ErrClosed)
	large.close(ErrClosed)
	close(g.pass)
	<-o.finished
	<-large.finished
}

func TestBrokenPipeClosesTheOutbox(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	g.err = os.ErrClosed
	close(g.pass)
	o := newOutbox(g, 0, 0)
	if err := o.control(messages.Ready{}); err != nil {
		t.Fatal(err)
	}
	<-o.finished
	for _, err := range []error{
		o.control(messages.Ready{}), o.deliver(&messages.Deliver{}), o.reply(&messages.Reply{}), o.raw([]byte("x\n")), o.flush(0),
	} {
		if !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrClosed) {
			t.Errorf("%v", err)
		}
	}
}

func TestFlushTellsThatItIsLate(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := newGate()
	o := newOutbox(g, 0, 0)
	if err := o.flush(0); err != nil {
		t.Fatalf("nothing to flush: %v", err)
	}
	o.control(messages.Ready{})
	if err := o.flush(time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	waits := make(chan error)
	go func() { waits <- o.flush(patienceHere) }()
	<-g.took
	close(g.pass)
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
	o.close(ErrClosed)
	<-o.finished
}

func TestHotPathAllocatesNothing(t *testing.T) {
	o := newOutbox(io.Discard, 0, 1<<20)
	defer o.close(ErrClosed)
	d := messages.Deliver{ID: 1, Type: "greeting", Body: make([]byte, 64)}
	if n := testing.AllocsPerRun(10000, func() { o.deliver(&d) }); n >= 0.5 {
		t.Fatalf("%v allocations per frame", n)
	}
}
