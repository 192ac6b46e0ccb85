//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// marksEnv names the file that both programs write their marks to.
const marksEnv = "CONFORMANCE_MARKS"

// mark is one line of that file: a program says what happens in it. Both programs say it in
// the same words, so that one story can judge both.
//
//	<nanoseconds> <kind> pid=4711 w=0 message=hello
type mark struct {
	at     time.Time
	kind   string
	pid    int
	worker int // -1 = not a worker's
	fields map[string]string
}

// kinds are the words that a mark can have.
var kinds = []string{
	"before_run", "after_run", "server_started", "server_reload", "server_stop", "server_restart", // server
	"initialize", "before_fork", "after_start", // worker, in the parent; initialize is where it is
	"run", "stop", "reload", "done", "signal", "word", "umask", "failed", // worker
}

// say appends a mark. Fields come as name, value, name, value; worker -1 is none.
func say(kind string, worker int, fields ...any) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s pid=%d", time.Now().UnixNano(), kind, os.Getpid())
	if worker >= 0 {
		fmt.Fprintf(&b, " w=%d", worker)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, " %v=%s", fields[i], strings.ReplaceAll(fmt.Sprint(fields[i+1]), " ", "_"))
	}
	b.WriteByte('\n')
	f, err := os.OpenFile(os.Getenv(marksEnv), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer f.Close()
	if _, err := f.WriteString(b.String()); err != nil { // one write: lines never mix
		fmt.Fprintln(os.Stderr, err)
	}
}

// readMarks reads the file. A line that is being written is not read yet.
func readMarks(path string) ([]mark, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(b), "\n")
	var all []mark
	for _, line := range lines[:len(lines)-1] {
		m, err := parseMark(line)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

func parseMark(line string) (mark, error) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return mark{}, fmt.Errorf("mark %q is cut short", line)
	}
	nanos, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return mark{}, fmt.Errorf("mark %q: %w", line, err)
	}
	m := mark{at: time.Unix(0, nanos), kind: words[1], worker: -1, fields: map[string]string{}}
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		m.fields[name] = value
	}
	if m.pid, err = strconv.Atoi(m.fields["pid"]); err != nil {
		return mark{}, fmt.Errorf("mark %q: %w", line, err)
	}
	if w, ok := m.fields["w"]; ok {
		if m.worker, err = strconv.Atoi(w); err != nil {
			return mark{}, fmt.Errorf("mark %q: %w", line, err)
		}
	}
	return m, nil
}
