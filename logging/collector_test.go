package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// sink is an io.Writer that checks that it gets whole records.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
	bad  int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) == 0 || p[len(p)-1] != '\n' {
		s.bad++
	}
	return s.text.Write(p)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// addPipe adds a new pipe to a Collector and returns its write end.
func addPipe(t *testing.T, c *Collector, s Stream) *os.File {
	t.Helper()
	r, w, err := CreatePipe()
	must(t, err)
	s.File = r
	must(t, c.Add(s))
	return w
}

// collect gives text to a Collector in pieces, from a pipe of a kind, and returns
// what comes out.
func collect(t *testing.T, format string, kind Kind, text string, piece func() int) string {
	t.Helper()
	out := &sink{}
	c := NewCollector(out, format)
	c.SetPid("1.0.1", 42)
	w := addPipe(t, c, Stream{Kind: kind, Incarnation: "1.0.1", Worker: 0})
	for len(text) > 0 {
		n := min(piece(), len(text))
		_, err := io.WriteString(w, text[:n])
		must(t, err)
		text = text[n:]
	}
	must(t, w.Close())
	must(t, c.Close(t.Context()))
	if out.bad > 0 {
		t.Errorf("%d writes did not end with a record", out.bad)
	}
	return out.String()
}

// Records come out as they went in, wherever reads and writes cut them.
func TestRecordsPassUnchangedProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 20 {
		var text strings.Builder
		for range 200 {
			size := rnd.IntN(200)
			if rnd.IntN(20) == 0 {
				size = rnd.IntN(200 << 10)
			}
			fmt.Fprintf(&text, "%s\n", strings.Repeat("y", size))
		}
		got := collect(t, "text", Records, text.String(), func() int { return 1 + rnd.IntN(100<<10) })
		if got != text.String() {
			t.Fatal("the records changed")
		}
	}
}

func TestRecordLimits(t *testing.T) {
	all := func() int { return 1 << 30 }
	whole := strings.Repeat("a", MaxRecord-1) + "\n"
	if got := collect(t, "text", Records, whole, all); got != whole {
		t.Errorf("a record of MaxRecord bytes is cut: %d bytes", len(got))
	}
	got := collect(t, "text", Records, strings.Repeat("b", 10<<20)+"\nc\n", all)
	if first := firstRecord([]byte(got)); got[first:] != "c\n" || strings.Count(got, "b") != 10<<20 || strings.Count(got, mark+"\n\t"+mark) != 10 {
		t.Errorf("10 MiB are not one record in pieces: the first has %d bytes of %d", first, len(got))
	}
	// A process that is killed within a long write leaves the beginning of a record.
	if got := collect(t, "text", Records, "a\nbeginn", all); got != "a\nbeginn...\n" {
		t.Errorf("%q", got)
	}
}

func TestCapturedLines(t *testing.T) {
	text := "plain\n\n\ttab\r\n\"quoted\" \xff\nno newline"
	got := collect(t, "text", Stderr, text, func() int { return 3 })
	var msgs []string
	for line := range strings.Lines(got) {
		head, msg, _ := strings.Cut(line, " #42]  INFO -- : ")
		if !strings.HasPrefix(head, "I, [20") {
			t.Errorf("head %q", head)
		}
		msgs = append(msgs, strings.TrimSuffix(msg, " incarnation=1.0.1 stream=stderr worker=0\n"))
	}
	if want := []string{"plain", "", "\ttab", "\"quoted\" \xff", "no newline"}; !slices.Equal(msgs, want) {
		t.Errorf("%q, want %q", msgs, want)
	}

	msgs = nil
	for line := range strings.Lines(collect(t, "json", Stdout, text, func() int { return 1000 })) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m["pid"] != 42.0 || m["worker"] != 0.0 || m["stream"] != "stdout" || m["incarnation"] != "1.0.1" || m["level"] != "info" {
			t.Errorf("fields: %v", m)
		}
		msgs = append(msgs, m["msg"].(string))
	}
	if want := []string{"plain", "", "\ttab", "\"quoted\" \ufffd", "no newline"}; !slices.Equal(msgs, want) {
		t.Errorf("%q, want %q", msgs, want)
	}
}

func TestLongCapturedLines(t *testing.T) {
	got := collect(t, "text", Stdout, strings.Repeat("é", 5<<20)+"\nnext\n", func() int { return 1 << 30 })
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if n := 10<<20/MaxLine + 1; len(lines) != n || strings.Count(got, "é") != 5<<20 {
		t.Fatalf("%d lines, want %d; %d letters", len(lines), n, strings.Count(got, "é"))
	}
	for i, line := range lines {
		_, msg, _ := strings.Cut(line, " -- : ")
		begins, ends := strings.HasPrefix(msg, mark), strings.Contains(msg, mark+" incarnation")
		last := i == len(lines)-1
		if begins != (i > 0 && !last) || ends != (i < len(lines)-2) {
			t.Errorf("line %d of %d: begins with a mark: %v, ends with one: %v", i, len(lines), begins, ends)
		}
	}
}

func TestFieldsOfAServer(t *testing.T) {
	out := &sink{}
	c := NewCollector(out, "")
	w := addPipe(t, c, Stream{Kind: Stderr, Incarnation: "2", Worker: -1, Name: "server"})
	_, err := io.WriteString(w, "x\n")
	must(t, errors.Join(err, w.Close(), c.Close(t.Context())))
	if got := out.String(); !strings.HasSuffix(got, " #0]  INFO -- : x incarnation=2 process=server stream=stderr\n") {
		t.Errorf("%q", got)
	}
}

func TestWaitAndTail(t *testing.T) {
	out := &sink{}
	c := NewCollector(out, "text")
	one := addPipe(t, c, Stream{Kind: Stdout, Incarnation: "1.0.1"})
	two := addPipe(t, c, Stream{Kind: Stderr, Incarnation: "1.0.1"})
	done := make(chan []string, 1)
	c.Wait("1.0.1", func(tail []string) { done <- tail })
	c.Wait("unknown", func(tail []string) {
		if tail != nil {
			t.Errorf("the tail of an unknown incarnation: %q", tail)
		}
	})
	for i := range 30 {
		_, err := fmt.Fprintf(two, "line %d %s\n", i, strings.Repeat("z", 1000))
		must(t, err)
	}
	must(t, two.Close())
	select {
	case <-done:
		t.Fatal("called although a stream is open")
	default:
	}
	must(t, one.Close())
	tail := <-done
	if len(tail) != tailLines || !strings.HasPrefix(tail[0], "line 10 ") || !strings.HasPrefix(tail[19], "line 29 ") || len(tail[0]) != tailLength {
		t.Errorf("%d lines, first %.10q, last %.10q", len(tail), tail[0], tail[len(tail)-1])
	}
	if got := strings.Count(out.String(), "\n"); got != 30 {
		t.Errorf("called before all %d records were handed on", got)
	}
	if got := c.Tail("1.0.1"); !slices.Equal(got, tail) {
		t.Errorf("Tail gives %q", got)
	}
	must(t, c.Close(t.Context()))
	called := false
	c.Wait("1.0.1", func([]string) { called = true })
	if !called {
		t.Error("not called at once for an incarnation that has ended")
	}
}

// Streams that come and go leave no goroutine, descriptor or memory behind.
func TestAThousandStreams(t *testing.T) {
	out := &sink{}
	c := NewCollector(out, "text")
	spin := func(n int) {
		for i := range n {
			name := fmt.Sprint(i)
			ended := make(chan struct{})
			w := addPipe(t, c, Stream{Kind: Kind(i % 3), Incarnation: name})
			c.SetPid(name, i)
			_, err := io.WriteString(w, "x\n")
			must(t, errors.Join(err, w.Close()))
			c.Wait(name, func([]string) { close(ended) })
			<-ended
		}
	}
	spin(10)
	goroutines, fds := runtime.NumGoroutine(), openFiles(t)
	spin(1000)
	eventually(t, "no more goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if got := openFiles(t); got > fds {
		t.Errorf("%d open files, %d before", got, fds)
	}
	if len(c.lives) > keepEnded || len(c.idle) > keepEnded || len(c.streams) != 0 {
		t.Errorf("%d incarnations and %d streams are remembered", len(c.lives), len(c.streams))
	}
	if got := strings.Count(out.String(), "\n"); got != 1010 {
		t.Errorf("%d records of 1010", got)
	}
	must(t, c.Close(t.Context()))
}

// Close does not wait for a pipe that stays open, reads what it holds, and takes
// no more.
func TestCollectorCloseWithOpenPipe(t *testing.T) {
	out := &sink{}
	c := NewCollector(out, "text")
	w := addPipe(t, c, Stream{Kind: Records, Incarnation: "1"})
	idle := addPipe(t, c, Stream{Kind: Stderr, Incarnation: "1"})
	defer w.Close()
	defer idle.Close()
	_, err := io.WriteString(w, "in the pipe\n")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	if got := out.String(); got != "in the pipe\n" {
		t.Errorf("%q", got)
	}
	r, w2, err := CreatePipe()
	must(t, err)
	defer w2.Close()
	if err := c.Add(Stream{Kind: Records, File: r}); !errors.Is(err, ErrClosed) {
		t.Errorf("add after close: %v", err)
	}
	if _, err := w2.Write([]byte("x")); err == nil {
		t.Error("the pipe of a refused stream is still open")
	}
}

// broken is an io.Writer that refuses.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no") }

func TestCollectorCountsRefusals(t *testing.T) {
	c := NewCollector(broken{}, "text")
	w := addPipe(t, c, Stream{Kind: Records, Incarnation: "1"})
	_, err := io.WriteString(w, "a\n\ta\nb\n")
	must(t, errors.Join(err, w.Close(), c.Close(t.Context())))
	if c.Lost() != 2 {
		t.Errorf("%d lost, want 2", c.Lost())
	}
}
