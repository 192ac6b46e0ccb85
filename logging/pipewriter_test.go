package logging

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newPipe returns a PipeWriter with a short wait and the read end of its pipe.
func newPipe(t *testing.T, fallback string) (*os.File, *PipeWriter) {
	t.Helper()
	r, w, err := CreatePipe()
	must(t, err)
	t.Cleanup(func() { r.Close() })
	p := NewPipeWriter(w, fallback)
	p.wait = 20 * time.Millisecond
	t.Cleanup(func() { _ = p.Close() }) // ErrClosed if the test did so
	return r, p
}

// fill writes numbered records until the pipe is full and one has been dropped,
// and returns how many went in.
func fill(t *testing.T, p *PipeWriter) int {
	t.Helper()
	for n := 0; ; n++ {
		_, err := io.WriteString(p, numbered("w", n))
		must(t, err)
		if p.Lost() > 0 {
			return n
		}
	}
}

func TestFullPipe(t *testing.T) {
	r, p := newPipe(t, "")
	n := fill(t, p)
	start := time.Now()
	for range 1000 {
		_, err := io.WriteString(p, "dropped\n")
		must(t, err)
	}
	if d := time.Since(start); d > 500*p.wait {
		t.Errorf("1000 writes after the first took %v", d)
	}
	if p.Lost() != 1001 {
		t.Errorf("lost %d", p.Lost())
	}
	in := bufio.NewReader(r)
	for i := range n {
		if line, err := in.ReadString('\n'); err != nil || line != numbered("w", i) {
			t.Fatalf("line %d: %q, %v", i, line, err)
		}
	}
	_, err := io.WriteString(p, "after\n")
	must(t, err)
	must(t, p.Close())
	rest, err := io.ReadAll(in)
	must(t, err)
	lines := strings.SplitAfter(string(rest), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "WARN -- : 1001 log records dropped") || lines[1] != "after\n" {
		t.Errorf("%q", rest)
	}
}

// long is a record that is longer than the pipe.
var long = strings.Repeat("l", 3<<20) + "\n"

func TestLongRecordStaysWhole(t *testing.T) {
	r, p := newPipe(t, "")
	p.wait = time.Minute
	go func() {
		_, _ = io.WriteString(p, long)
		_ = p.Close()
	}()
	if got, err := io.ReadAll(r); err != nil || string(got) != long {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A long record that nobody reads is given up and terminated.
func TestLongRecordIsTerminated(t *testing.T) {
	r, p := newPipe(t, "")
	must(t, p.SetFormat("json"))
	_, err := io.WriteString(p, long)
	must(t, err)
	_, err = io.WriteString(p, "dropped too\n")
	must(t, err)
	read := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		read <- string(b)
	}()
	eventually(t, "the pipe takes records again", func() bool {
		before := p.Lost()
		_, err := io.WriteString(p, "after\n")
		must(t, err)
		return p.Lost() == before
	})
	must(t, p.Close())
	text := <-read
	if first, rest, _ := strings.Cut(text, "\n"); strings.Trim(first, "l") != mark || !strings.HasPrefix(rest, `{"time":`) || !strings.HasSuffix(rest, "after\n") {
		t.Errorf("%.10q ... %q", text, rest)
	}
}

func TestReaderGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	must(t, os.WriteFile(path, []byte("old\n"), 0o600))
	r, p := newPipe(t, path)
	must(t, r.Close())
	for i := range 3 {
		_, err := fmt.Fprintf(p, "%d\n", i)
		must(t, err)
	}
	must(t, p.Close())
	if got := read(t, path); got != "old\n0\n1\n2\n" || p.Lost() != 0 {
		t.Errorf("%q, lost %d", got, p.Lost())
	}
	if _, err := p.Write([]byte("x\n")); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}

	for _, path := range []string{"", "-", filepath.Join(path, "no", "way")} {
		r, p := newPipe(t, path)
		must(t, r.Close())
		for range 3 {
			_, err := io.WriteString(p, "x\n")
			must(t, err)
		}
		if p.Lost() != 3 {
			t.Errorf("fallback %q: lost %d", path, p.Lost())
		}
	}
}

// A reader that goes away while records are being dropped.
func TestReaderGoneWhileFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	r, p := newPipe(t, path)
	fill(t, p)
	must(t, r.Close())
	_, err := io.WriteString(p, "after\n")
	must(t, err)
	if got := read(t, path); !strings.HasSuffix(got, "after\n") || p.Lost() != 1 {
		t.Errorf("%q, lost %d", got, p.Lost())
	}
}

func TestUnusableFile(t *testing.T) {
	f, err := os.Open(os.DevNull)
	must(t, err)
	must(t, f.Close())
	p := NewPipeWriter(f, "")
	_, err = io.WriteString(p, "x\n")
	must(t, err)
	if p.Lost() != 1 {
		t.Errorf("lost %d", p.Lost())
	}
	must(t, p.Close())
}
