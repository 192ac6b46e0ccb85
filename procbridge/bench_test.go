//go:build unix

package procbridge

import (
	"errors"
	"runtime"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// startBench starts a role whose events the benchmark reads itself.
func startBench(tb testing.TB, role string) *Process {
	tb.Helper()
	played.Store(role, true)
	img, err := CurrentImage()
	if err != nil {
		tb.Fatal(err)
	}
	defer img.Release()
	p, err := Start(Command{Image: img, Wire: true, Info: map[string]string{"role": role}, Env: testEnv()})
	if err != nil {
		tb.Fatal(err)
	}
	if f, ok := (<-p.Events()).(Frame); !ok {
		tb.Fatalf("the first event is %+v", f)
	}
	return p
}

func endBench(tb testing.TB, p *Process) {
	tb.Helper()
	p.CloseLifeline()
	for range p.Events() {
	}
}

// oneWay sends count frames and returns when all have been taken by the child's user. No more
// than a window are under way, so that none is dropped.
func oneWay(tb testing.TB, p *Process, body []byte, count int) {
	tb.Helper()
	const window = 3 * ackEvery
	sent, acked, want := 0, 0, count/ackEvery*ackEvery
	for acked < want {
		for sent < count && sent-acked < window {
			err := p.Deliver(messages.Deliver{Slot: 1, Body: body})
			if errors.Is(err, ErrBusy) {
				runtime.Gosched()
				continue
			}
			if err != nil {
				tb.Fatal(err)
			}
			sent++
		}
		f, ok := (<-p.Events()).(Frame)
		if !ok {
			tb.Fatal("the child has ended")
		}
		if done, ok := f.Event.(messages.JobsDone); ok {
			acked += done.N
		}
	}
}

func roundTrips(tb testing.TB, p *Process, body []byte, count int) {
	tb.Helper()
	for k := range count {
		if err := p.Deliver(messages.Deliver{ID: uint64(k + 1), Body: body}); err != nil {
			tb.Fatal(err)
		}
		f, ok := (<-p.Events()).(Frame)
		if r, is := f.Event.(messages.Reply); !ok || !is || r.ID != uint64(k+1) || len(r.Body) != len(body) {
			tb.Fatalf("the answer is %+v", f)
		}
	}
}

func TestManyFramesBothWays(t *testing.T) {
	clean(t)
	sink, echo := startBench(t, "sink"), startBench(t, "echo")
	oneWay(t, sink, make([]byte, 64), 50000)
	roundTrips(t, echo, make([]byte, 64), 1000)
	roundTrips(t, echo, make([]byte, 1<<20), 10)
	endBench(t, sink)
	endBench(t, echo)
}

func BenchmarkOneWay64(b *testing.B) {
	p := startBench(b, "sink")
	defer endBench(b, p)
	body := make([]byte, 64)
	b.ReportAllocs()
	b.ResetTimer()
	oneWay(b, p, body, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mframes/s")
}

func BenchmarkOneWay4K(b *testing.B) {
	p := startBench(b, "sink")
	defer endBench(b, p)
	body := make([]byte, 4096)
	b.SetBytes(4096)
	b.ResetTimer()
	oneWay(b, p, body, b.N)
}

func BenchmarkRoundTrip64(b *testing.B) {
	p := startBench(b, "echo")
	defer endBench(b, p)
	b.ResetTimer()
	roundTrips(b, p, make([]byte, 64), b.N)
}

// BenchmarkStartToHello is a whole life: start, Hello, end of the life-line, exit.
func BenchmarkStartToHello(b *testing.B) {
	for b.Loop() {
		endBench(b, startBench(b, "echo"))
	}
}

func BenchmarkEncodeDeliver64(b *testing.B) {
	d := messages.Deliver{ID: 1, Slot: 1, Body: make([]byte, 64)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = appendDeliver(buf[:0], &d); err != nil {
			b.Fatal(err)
		}
	}
}

// playSink counts deliveries and acknowledges them by the hundred.
func playSink() {
	p := greet()
	n := 0
	for range p.Deliveries() {
		if n++; n == ackEvery {
			p.Send(messages.JobsDone{N: n})
			n = 0
		}
	}
}

// ackEvery is how many deliveries a sink acknowledges together.
const ackEvery = 256

func playEcho() {
	p := greet()
	for d := range p.Deliveries() {
		p.Reply(messages.Reply{ID: d.ID, Body: d.Body})
	}
}
