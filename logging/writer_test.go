package logging

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func logPath(t *testing.T) string { return filepath.Join(t.TempDir(), "app.log") }

// Whatever the sizes of records, files are never larger than the limit unless
// they hold a single record, and none could have taken the first record of the next.
func TestRotationLimitsProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for round := range 20 {
		path := logPath(t)
		limit := int64(100 + rnd.IntN(400))
		w := openTest(t, Options{Path: path, RotateAge: 1 << 20, RotateSize: limit}, patient())
		var want strings.Builder
		for range 60 {
			var p strings.Builder
			for range 1 + rnd.IntN(4) {
				fmt.Fprintf(&p, "%s\n", strings.Repeat("x", rnd.IntN(1+int(limit)/(1+rnd.IntN(20)))))
				if rnd.IntN(4) == 0 {
					p.WriteString("\tsecond line\n")
				}
			}
			_, err := io.WriteString(w, p.String())
			must(t, err)
			want.WriteString(p.String())
		}
		must(t, w.Close())
		checkFiles(t, round, path, limit, want.String())
	}
}

func checkFiles(t *testing.T, round int, path string, limit int64, want string) {
	t.Helper()
	names, err := backups(path)
	must(t, err)
	var all strings.Builder
	for i, name := range append(names, path) {
		text := read(t, name)
		first := firstRecord([]byte(text))
		if int64(len(text)) > limit && first != len(text) {
			t.Errorf("round %d: %s has %d bytes and several records, limit %d", round, name, len(text), limit)
		}
		if i > 0 && int64(all.Len()) > 0 {
			last := read(t, append(names, path)[i-1])
			if int64(len(last)+first) <= limit {
				t.Errorf("round %d: a record of %d bytes would have fitted into %s (%d of %d)", round, first, names[i-1], len(last), limit)
			}
		}
		all.WriteString(text)
	}
	if all.String() != want {
		t.Errorf("round %d: the files do not hold what was written", round)
	}
}

// Rotations that would come faster than the time stamps of the names overwrite
// nothing.
func TestRotationsWithinAMillisecond(t *testing.T) {
	path := logPath(t)
	w := openTest(t, Options{Path: path, RotateAge: 1000, RotateSize: 1}, patient())
	var want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&want, "%d\n", i)
	}
	_, err := io.WriteString(w, want.String())
	must(t, err)
	must(t, w.Close())
	if got := readAll(t, path, 0); got != want.String() {
		t.Errorf("%d bytes of %d are there", len(got), want.Len())
	}
}

// A clock that was set back makes names that exist already: a little, and a lot.
func TestRotationWaitsForAFreeName(t *testing.T) {
	for _, back := range []time.Duration{10 * time.Millisecond, time.Hour} {
		path := logPath(t)
		must(t, os.WriteFile(path, []byte("new\n"), 0o600))
		taken := time.Now().Add(back)
		must(t, os.WriteFile(backupName(path, taken)+gzSuffix, []byte("old"), 0o600))
		var r renamer
		for range 30 {
			must(t, r.rename(path))
			must(t, os.WriteFile(path, []byte("new\n"), 0o600))
		}
		names, err := backups(path)
		if exists(backupName(path, taken)) || len(names) != 31 || err != nil {
			t.Errorf("set back by %v: %d backups of 31, %v", back, len(names), err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the mode is not kept: %v, %v", info.Mode(), err)
		}
	}
}

func TestBackupsArePrunedAndCompressed(t *testing.T) {
	path := logPath(t)
	dir := filepath.Dir(path)
	stranger := filepath.Join(dir, "app-notes.log")
	must(t, os.WriteFile(stranger, nil, 0o600))
	w := openTest(t, Options{Path: path, RotateAge: 3, RotateSize: 4, Compress: true}, patient())
	for i := range 20 {
		_, err := fmt.Fprintf(w, "%03d\n", i)
		must(t, err)
	}
	must(t, w.Close()) // waits for the clean-up too
	names, err := filepath.Glob(filepath.Join(dir, "app-2*"))
	must(t, err)
	var got string
	for _, name := range names {
		f, err := os.Open(name)
		must(t, err)
		z, err := gzip.NewReader(f)
		must(t, err)
		b, err := io.ReadAll(z)
		must(t, errors.Join(err, f.Close()))
		got += string(b)
	}
	if got != "016\n017\n018\n" || !exists(stranger) || read(t, path) != "019\n" {
		t.Errorf("backups hold %q in %v, log %q", got, names, read(t, path))
	}
}

func TestNoRotation(t *testing.T) {
	path := logPath(t)
	w := openTest(t, Options{Path: path, RotateAge: 0, RotateSize: 10}, patient())
	for range 10 {
		_, err := io.WriteString(w, "123456789\n")
		must(t, err)
	}
	must(t, w.Close())
	if names, _ := backups(path); len(names) != 0 || len(read(t, path)) != 100 {
		t.Errorf("rotated: %v", names)
	}
}

// An existing file counts with its size; a missing last newline is added.
func TestAppendToExisting(t *testing.T) {
	path := logPath(t)
	must(t, os.WriteFile(path, []byte("old\n"), 0o600))
	w := openTest(t, Options{Path: path, RotateAge: 1, RotateSize: 8}, patient())
	_, err := io.WriteString(w, "new")
	must(t, err)
	must(t, w.Flush(t.Context()))
	if got := read(t, path); got != "old\nnew\n" {
		t.Errorf("%q", got)
	}
	_, err = io.WriteString(w, "x\n")
	must(t, err)
	must(t, w.Close())
	if got := readAll(t, path, 8); got != "old\nnew\nx\n" || read(t, path) != "x\n" {
		t.Errorf("%q", got)
	}
	if _, err := w.Write([]byte("late\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := errors.Join(w.Close(), w.Reopen()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// writeNumbered writes lines with a Writer until stop says so, and returns their number.
func writeNumbered(w io.Writer, name string, stop func(n int) bool) int {
	n := 0
	for ; !stop(n); n++ {
		if _, err := io.WriteString(w, numbered(name, n)); err != nil {
			return n
		}
	}
	return n
}

// Renames from outside with Reopen in a loop lose nothing, while four goroutines log
// and the size limit rotates too.
func TestRenamesAndReopenLoseNothing(t *testing.T) {
	path := logPath(t)
	w := openTest(t, Options{Path: path, RotateAge: 1 << 20, RotateSize: 64 << 10}, patient())
	stderrOf(t, w) // a rename within a rotation makes it fail
	lines := scaled(20000)
	var renames atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			writeNumbered(w, fmt.Sprint("w", i), func(n int) bool { return n >= lines && renames.Load() >= 5 })
		})
	}
	written := make(chan struct{})
	go func() {
		wg.Wait()
		close(written)
	}()
	moved := renameInALoop(t, path, w, &renames, written)
	must(t, w.Close())
	counts := map[string]int{}
	names, err := backups(path)
	must(t, err)
	for _, name := range append(append(moved, names...), path) {
		for line := range strings.Lines(read(t, name)) {
			counts[line]++
		}
	}
	for i := range 4 {
		for n := range lines {
			if c := counts[numbered(fmt.Sprint("w", i), n)]; c != 1 {
				t.Fatalf("w%d: line %d is there %d times", i, n, c)
			}
		}
	}
	if w.Lost() != 0 {
		t.Errorf("lost %d", w.Lost())
	}
}

// renameInALoop does what logrotate does until done, and returns the new names.
func renameInALoop(t *testing.T, path string, w *Writer, renames *atomic.Int64, done <-chan struct{}) (moved []string) {
	t.Helper()
	for i := 0; ; i++ {
		select {
		case <-done:
			return moved
		default:
		}
		name := fmt.Sprintf("%s.%d", path, i)
		err := os.Rename(path, name)
		if errors.Is(err, os.ErrNotExist) {
			continue // just then it was rotating
		}
		must(t, err)
		moved = append(moved, name)
		must(t, w.Reopen())
		renames.Add(1)
	}
}

// A log that is renamed or removed from outside, with nothing said and nothing written, is
// opened again by the timer; CheckMoved does it at once.
func TestMovedLogIsFollowed(t *testing.T) {
	path := logPath(t)
	tune := patient()
	tune.check = 5 * time.Millisecond
	w := openTest(t, Options{Path: path}, tune)
	must(t, os.Rename(path, path+".1"))
	eventually(t, "the log is there again", func() bool { return exists(path) })
	must(t, os.Remove(path))
	eventually(t, "the log is there again", func() bool { return exists(path) })
	_, err := io.WriteString(w, "a\n")
	must(t, err)
	must(t, w.Close())
	if got := read(t, path); got != "a\n" {
		t.Errorf("%q", got)
	}

	w = openTest(t, Options{Path: path}, patient())
	must(t, os.Rename(path, path+".2"))
	must(t, w.CheckMoved())
	if !exists(path) {
		t.Error("CheckMoved did not open the log again")
	}
	must(t, os.Remove(path)) // seen at the next write, without any timer
	_, err = io.WriteString(w, "b\n")
	must(t, err)
	must(t, w.Flush(t.Context()))
	if got := read(t, path); got != "b\n" {
		t.Errorf("%q", got)
	}
}

// A rotation that copies and truncates leaves no hole, and the size counts anew.
func TestCopyTruncate(t *testing.T) {
	path := logPath(t)
	w := openTest(t, Options{Path: path, RotateAge: 5, RotateSize: 10}, patient())
	for _, line := range []string{"12345678\n", "abcdefgh\n"} {
		_, err := io.WriteString(w, line)
		must(t, err)
		must(t, w.Flush(t.Context()))
		if got := read(t, path); got != line {
			t.Errorf("%q, want %q", got, line)
		}
		must(t, os.Truncate(path, 0))
	}
	must(t, w.Close())
	if names, _ := backups(path); len(names) != 0 {
		t.Errorf("rotated in spite of the truncation: %v", names)
	}
}

func TestReconfigure(t *testing.T) {
	path := logPath(t)
	other := filepath.Join(t.TempDir(), "other.log")
	w := openTest(t, Options{Path: path}, patient())
	say := func(s string) {
		t.Helper()
		_, err := io.WriteString(w, s)
		must(t, err)
	}
	say("one\n")
	if err := w.Reconfigure(Options{Path: filepath.Join(other, "no", "x.log"), RotateSize: 1, RotateAge: 1}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a bad path: %v", err)
	}
	if err := w.Reconfigure(Options{Path: path, Format: "xml"}); err == nil {
		t.Error("a bad format is accepted")
	}
	say("two\n")
	must(t, w.Reconfigure(Options{Path: other, RotateAge: 5, RotateSize: 6}))
	say("three\n")
	say("four\n")
	must(t, w.Reconfigure(Options{Path: other}))
	say("five\n")
	must(t, w.Close())
	if got := read(t, path); got != "one\ntwo\n" {
		t.Errorf("the first log: %q", got)
	}
	if got := readAll(t, other, 0); got != "three\nfour\nfive\n" || read(t, other) != "four\nfive\n" {
		t.Errorf("the second log: %q", got)
	}
}

// The directory of a symbolic link's target gets the backups, and the link stays.
func TestSymbolicLink(t *testing.T) {
	path, link := logPath(t), filepath.Join(t.TempDir(), "link.log")
	must(t, os.Symlink(path, link))
	w := openTest(t, Options{Path: path, RotateAge: 5, RotateSize: 2}, patient())
	must(t, w.Close())
	w = openTest(t, Options{Path: link, RotateAge: 5, RotateSize: 2}, patient())
	_, err := io.WriteString(w, "a\nb\nc\n")
	must(t, err)
	must(t, w.Close())
	if got := readAll(t, path, 2); got != "a\nb\nc\n" {
		t.Errorf("%q", got)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "no", "app.log")} {
		if w, err := Open(Options{Path: path}); err == nil || w != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(Options{Format: "xml"}); err == nil {
		t.Error("a bad format is accepted")
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	block := make(chan struct{})
	tune := quick()
	tune.write = func(f *os.File, p []byte) (int, error) {
		<-block
		return f.Write(p)
	}
	w := openTest(t, Options{Path: logPath(t)}, tune)
	_, err := io.WriteString(w, "a\n")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := w.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	close(block)
	must(t, w.Flush(t.Context()))
}
