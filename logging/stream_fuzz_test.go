package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// small makes limits of a few bytes, so that short inputs reach them.
var small = limits{line: 24, record: 40}

// streamed gives text to a stream in pieces of the given lengths, which are repeated, and
// returns what comes out. As with the true limits no read has more than a whole line.
func streamed(t *testing.T, format string, kind Kind, text, lengths []byte) (out string, tail []string) {
	t.Helper()
	w := &sink{}
	c := NewCollector(w, format)
	s := newStream(c, Stream{Kind: kind, Incarnation: "1.0.1", Worker: 0}, nil, &life{})
	s.limits = small
	for i := 0; len(text) > 0; i++ {
		n := min(len(text), small.line)
		if len(lengths) > 0 {
			n = min(n, 1+int(lengths[i%len(lengths)]))
		}
		s.take(bytes.Clone(text[:n])) // the buffer of a pipe is used again
		text = text[n:]
	}
	s.finish(io.EOF)
	if w.bad > 0 {
		t.Fatalf("%d writes do not end with a record", w.bad)
	}
	return w.String(), s.life.tail.lines()
}

// FuzzLines: what a process prints, cut into reads anyhow, is in the log line by line, no
// byte lost; a line that is too long comes in pieces of whole letters; the JSON format is
// JSON on every line.
func FuzzLines(f *testing.F) {
	long := strings.Repeat("é", small.line)
	for _, text := range []string{
		"plain\n\n\ttab\r\n\"quoted\" \xff\nno newline", long, "x" + long + "\r\n" + long, strings.Repeat("a", small.line) + "\r\nb\r",
		strings.Repeat("\x80", 70) + "\n", "...\n...", "\x00\x1b[2J\u2028\n", strings.Repeat("\n", 50) + "\r", "a\rb\n{\"msg\":1}\n",
	} {
		f.Add([]byte(text), []byte{0})
		f.Add([]byte(text), []byte{2, 30, 7})
	}
	f.Fuzz(func(t *testing.T, text, lengths []byte) {
		want := linesOf(text)
		for _, lengths := range [][]byte{nil, lengths} {
			out, tail := streamed(t, "text", Stderr, text, lengths)
			if got := textMessages(t, out); !slices.Equal(got, want) {
				t.Fatalf("text in pieces of %d: %q, want %q", lengths, got, want)
			}
			if len(tail) != min(len(want), tailLines) {
				t.Fatalf("a tail of %d lines of %d", len(tail), len(want))
			}
			out, _ = streamed(t, "json", Stdout, text, lengths)
			got := jsonMessages(t, out)
			for i := range want {
				if i >= len(got) || got[i] != string([]rune(want[i])) { // each byte that is no UTF-8 is replaced
					t.Fatalf("JSON in pieces of %d: %q, want %q", lengths, got, want)
				}
			}
		}
	})
}

// linesOf is what has to be in the log.
func linesOf(text []byte) (want []string) {
	for line := range strings.Lines(string(text)) {
		line, before := strings.TrimSuffix(line, "\n"), ""
		for len(line) > small.line {
			n := small.line
			for i := n; i > n-utf8.UTFMax; i-- {
				if utf8.RuneStart(line[i]) {
					n = i
					break
				}
			}
			want = append(want, before+line[:n]+mark)
			line, before = line[n:], mark
		}
		want = append(want, before+strings.TrimSuffix(line, "\r"))
	}
	return want
}

func textMessages(t *testing.T, out string) (msgs []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		head, msg, ok := strings.Cut(line, " #0]  INFO -- : ")
		msg, ends := strings.CutSuffix(msg, " incarnation=1.0.1 stream=stderr worker=0\n")
		if !ok || !ends || !strings.HasPrefix(head, "I, [20") || len(msg) > small.line+2*len(mark) {
			t.Fatalf("the line %q", line)
		}
		msgs = append(msgs, msg)
	}
	return msgs
}

func jsonMessages(t *testing.T, out string) (msgs []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var m struct {
			Time, Level, Msg, Incarnation, Stream string
			Pid, Worker                           *int
		}
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&m); err != nil || m.Level != "info" || m.Stream != "stdout" || m.Worker == nil || m.Pid == nil || !utf8.ValidString(line) {
			t.Fatalf("the line %q: %v", line, err)
		}
		msgs = append(msgs, m.Msg)
	}
	return msgs
}

// FuzzRecords: records pass unchanged however they are cut into reads; one that is too long
// stays one record, in pieces of which none is too long; and the one that a dead process
// left without an end gets one.
func FuzzRecords(f *testing.F) {
	for _, text := range []string{
		"a\nb\n\tb\n\tb\nc\n", "a\n\tb", "beginn", "\ta\n\n\n\t\n", strings.Repeat("a", small.record-1) + "\n" + strings.Repeat("b", small.record) + "\n",
		strings.Repeat("c", small.record-5) + "\n\t" + strings.Repeat("d", 2*small.record), strings.Repeat("ü", 3*small.record) + "\ne\n",
		strings.Repeat("\n\t", small.record) + "\n", "\xff\xfe\n\x80", strings.Repeat("f", small.record-2),
	} {
		f.Add([]byte(text), []byte{0})
		f.Add([]byte(text), []byte{5, 0, 60})
	}
	f.Fuzz(func(t *testing.T, text, lengths []byte) {
		for _, lengths := range [][]byte{nil, lengths} {
			out, _ := streamed(t, "text", Records, text, lengths)
			want := string(text)
			if len(text) > 0 && text[len(text)-1] != '\n' {
				want += mark + "\n"
			}
			if fits(want) && out != want {
				t.Fatalf("in pieces of %d: %q, want %q", lengths, out, want)
			}
			// A mark that was there before can't be told from ours.
			if !strings.Contains(string(text), mark) && strings.ReplaceAll(out, mark+"\n\t"+mark, "") != want {
				t.Fatalf("in pieces of %d: %q, want %q with marks", lengths, out, want)
			}
			if a, b := countRecords([]byte(out)), countRecords([]byte(want)); a != b {
				t.Fatalf("in pieces of %d: %d records became %d: %q", lengths, b, a, out)
			}
			for line := range strings.Lines(out) {
				if len(line) > small.record || utf8.Valid(text) && !utf8.ValidString(line) {
					t.Fatalf("in pieces of %d: a line of %d bytes: %q", lengths, len(line), line)
				}
			}
		}
	})
}

// fits reports whether no record of the text is too long.
func fits(text string) bool {
	b := []byte(text)
	for len(b) > 0 {
		n := firstRecord(b)
		if n == 0 || n > small.record {
			return false
		}
		b = b[n:]
	}
	return true
}

// A read that ends within a record of several lines does not divide it.
func TestRecordOfSeveralLinesIsOneWrite(t *testing.T) {
	w := &writes{}
	s := newStream(NewCollector(w, "text"), Stream{Kind: Records, Incarnation: "1.0.1"}, nil, &life{})
	for _, data := range []string{"a\nb\n\tb", "\n\tb\nc\n", "\td\n\td\n"} {
		s.take([]byte(data))
	}
	if want := []string{"a\n", "b\n\tb\n\tb\n", "c\n", "\td\n\td\n"}; !slices.Equal(*w, want) {
		t.Errorf("%q, want %q", *w, want)
	}
}

type writes []string

func (w *writes) Write(p []byte) (int, error) {
	*w = append(*w, string(p))
	return len(p), nil
}
