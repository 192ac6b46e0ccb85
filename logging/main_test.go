package logging

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVar names the role of a process that is this test binary started again.
const roleVar = "LOGGING_TEST_ROLE"

// roles are what such a process does; it gets its arguments after the program's
// name and returns the exit status.
var roles = map[string]func(args []string) int{}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVar)]; ok {
		os.Exit(role(os.Args[1:]))
	}
	status := m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// eventually waits for a condition, at most 20 s.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// quick is a tuning for tests of what goes wrong.
func quick() tuning {
	t := defaultTuning()
	t.wait, t.hold, t.retry, t.check = 20*time.Millisecond, 20*time.Millisecond, 5*time.Millisecond, 5*time.Millisecond
	return t
}

// patient is a tuning for tests that must not lose a record on a slow machine.
func patient() tuning {
	t := defaultTuning()
	t.wait = time.Minute
	return t
}

// openTest opens a log that is closed at the end of the test.
func openTest(t *testing.T, o Options, tune tuning) *Writer {
	t.Helper()
	w, err := open(o, tune)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() }) // ErrClosed if the test did so
	return w
}

// stderrOf replaces the Writer's stderr by a file, before its first Write.
func stderrOf(t *testing.T, w *Writer) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stderr")
	f, err := openAppend(path)
	if err != nil {
		t.Fatal(err)
	}
	must(t, w.kept.file[1].Close())
	w.kept.file[1] = f
	return func() string { return read(t, path) }
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

// readAll returns the text of a log and of its backups, oldest first, and checks
// that no file is larger than limit (0: any size).
func readAll(t *testing.T, path string, limit int64) string {
	t.Helper()
	names, err := backups(path)
	must(t, err)
	var all strings.Builder
	for _, name := range append(names, path) {
		text := read(t, name)
		if limit > 0 && int64(len(text)) > limit {
			t.Errorf("%s has %d bytes, more than %d", filepath.Base(name), len(text), limit)
		}
		all.WriteString(text)
	}
	return all.String()
}

// numbered is line n of a writer: 100 bytes with the newline.
func numbered(writer string, n int) string {
	s := fmt.Sprintf("%s %09d ", writer, n)
	return s + strings.Repeat("x", 99-len(s)) + "\n"
}

// checkNumbered checks that text has the lines 0 to want-1 of each writer exactly
// once, whole and in order; other lines are returned.
func checkNumbered(t *testing.T, text string, want map[string]int) (others []string) {
	t.Helper()
	next := map[string]int{}
	for line := range strings.Lines(text) {
		var writer string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d ", &writer, &n); err != nil || line != numbered(writer, n) {
			others = append(others, line)
			continue
		}
		if n != next[writer] {
			t.Fatalf("%s: line %d where %d was expected", writer, n, next[writer])
		}
		next[writer]++
	}
	for writer, n := range want {
		if next[writer] != n {
			t.Errorf("%s: %d lines of %d", writer, next[writer], n)
		}
	}
	sort.Strings(others)
	return others
}

// scaled reduces a count under -short and where the race detector slows it down.
func scaled(n int) int {
	if testing.Short() {
		n /= 10
	}
	if raceEnabled {
		n /= 10
	}
	return n
}
