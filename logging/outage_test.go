package logging

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A disk that does not move makes the first Write wait and lets later ones pass;
// what was dropped is counted and told, what was accepted is whole.
func TestSlowDisk(t *testing.T) {
	block := make(chan struct{})
	tune := quick()
	tune.pending = 1000
	tune.write = func(f *os.File, p []byte) (int, error) {
		<-block
		return f.Write(p)
	}
	path := logPath(t)
	w := openTest(t, Options{Path: path}, tune)
	start := time.Now()
	n := writeNumbered(w, "w", func(n int) bool { return n == 1000 })
	if d := time.Since(start); d < tune.wait || d > 500*tune.wait {
		t.Errorf("1000 writes took %v; one wait is %v", d, tune.wait)
	}
	lost := w.Lost()
	if lost == 0 || lost >= uint64(n) {
		t.Fatalf("%d of %d lost", lost, n)
	}
	close(block)
	must(t, w.Flush(t.Context()))
	_, err := io.WriteString(w, "after\n")
	must(t, err)
	must(t, w.Close())
	// Accepted records are the first ones, as the disk did not move at all.
	others := checkNumbered(t, read(t, path), map[string]int{"w": n - int(lost)})
	if len(others) != 2 || !strings.Contains(others[0], fmt.Sprintf(" %d log records dropped", lost)) || others[1] != "after\n" {
		t.Errorf("other lines: %q", others)
	}
}

// full is a disk that takes no more than some bytes until it gets room.
type full struct{ room atomic.Int64 }

func (d *full) write(f *os.File, p []byte) (int, error) {
	n := min(d.room.Load(), int64(len(p)))
	d.room.Add(-n)
	if _, err := f.Write(p[:n]); err != nil {
		return 0, err
	}
	if n < int64(len(p)) {
		return int(n), syscall.ENOSPC
	}
	return int(n), nil
}

func TestFullDisk(t *testing.T) {
	disk := &full{}
	disk.room.Store(1050) // ten lines and a half
	tune := quick()
	tune.write = disk.write
	path := logPath(t)
	w := openTest(t, Options{Path: path}, tune)
	stderr := stderrOf(t, w)
	for i := range 100 {
		_, err := io.WriteString(w, numbered("w", i))
		must(t, err)
		if i == 50 {
			if err := w.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "no space") {
				t.Errorf("flush on a full disk: %v", err)
			}
		}
	}
	if err := w.Flush(t.Context()); err == nil {
		t.Error("flush on a full disk succeeds")
	}
	if w.Lost() != 89 {
		t.Errorf("%d records lost, want 89", w.Lost())
	}
	disk.room.Store(1 << 20)
	eventually(t, "the disk is used again", func() bool { return w.Flush(t.Context()) == nil })
	_, err := io.WriteString(w, "after\n")
	must(t, err)
	must(t, w.Close())
	others := checkNumbered(t, read(t, path), map[string]int{"w": 11}) // the torn one was completed
	if len(others) != 2 || !strings.Contains(others[0], "can be written again: 89 log records went to stderr") {
		t.Errorf("other lines: %q", others)
	}
	if text := stderr(); strings.Count(text, "cannot write the log") != 1 || strings.Count(text, "xxx\n") != 89 {
		t.Errorf("stderr:\n%s", text)
	}
}

// A record that is in the file in part is completed there, also after the file was opened
// again; where its beginning is gone, it comes whole.
func TestTornRecordIsCompleted(t *testing.T) {
	for name, between := range map[string]func(t *testing.T, w *Writer, path string){
		"reopened": func(t *testing.T, w *Writer, _ string) { must(t, w.Reopen()) },
		"renamed": func(t *testing.T, w *Writer, path string) {
			must(t, os.Rename(path, path+".1"))
			must(t, w.CheckMoved())
		},
		"truncated": func(t *testing.T, _ *Writer, path string) { must(t, os.Truncate(path, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			disk := &full{}
			disk.room.Store(50) // half a line
			tune := quick()
			tune.write = disk.write
			path := logPath(t)
			w := openTest(t, Options{Path: path}, tune)
			_, err := io.WriteString(w, numbered("w", 0))
			must(t, err)
			if err := w.Flush(t.Context()); err == nil {
				t.Fatal("flush on a full disk succeeds")
			}
			between(t, w, path)
			disk.room.Store(1 << 20)
			eventually(t, "the disk is used again", func() bool { return w.Flush(t.Context()) == nil })
			must(t, w.Close())
			others := checkNumbered(t, read(t, path), map[string]int{"w": 1})
			if len(others) != 1 || !strings.Contains(others[0], "can be written again") {
				t.Errorf("other lines: %q", others)
			}
		})
	}
}

// A short outage loses nothing at all.
func TestShortOutage(t *testing.T) {
	tune := quick()
	tune.hold = time.Minute
	var fails atomic.Int64
	fails.Store(3)
	tune.write = func(f *os.File, p []byte) (int, error) {
		if fails.Add(-1) >= 0 {
			return 0, syscall.EIO
		}
		return f.Write(p)
	}
	path := logPath(t)
	w := openTest(t, Options{Path: path}, tune)
	stderr := stderrOf(t, w)
	n := writeNumbered(w, "w", func(n int) bool { return n == 10 })
	must(t, w.Flush(t.Context()))
	must(t, w.Close())
	if others := checkNumbered(t, read(t, path), map[string]int{"w": n}); len(others) != 0 || w.Lost() != 0 {
		t.Errorf("lost %d, others %q", w.Lost(), others)
	}
	if text := stderr(); strings.Count(text, "cannot write the log") != 1 {
		t.Errorf("stderr: %q", text)
	}
}

func TestDirectoryRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	must(t, os.Mkdir(dir, 0o755))
	path := filepath.Join(dir, "app.log")
	w := openTest(t, Options{Path: path, RotateAge: 1, RotateSize: 1000}, quick())
	stderr := stderrOf(t, w)
	must(t, os.RemoveAll(dir))
	for i := range 30 {
		_, err := io.WriteString(w, numbered("w", i))
		must(t, err)
	}
	if err := w.Flush(t.Context()); err == nil {
		t.Error("flush without a directory succeeds")
	}
	if w.Lost() != 30 || exists(dir) {
		t.Errorf("lost %d of 30; the directory: %v", w.Lost(), exists(dir))
	}
	must(t, os.Mkdir(dir, 0o755))
	eventually(t, "the log is there again", func() bool { return exists(path) })
	_, err := io.WriteString(w, "after\n")
	must(t, err)
	must(t, w.Close())
	if text := read(t, path); !strings.HasSuffix(text, "after\n") || !strings.Contains(text, "30 log records went to stderr") {
		t.Errorf("the log: %q", text)
	}
	if text := stderr(); strings.Count(text, "cannot write the log") != 1 || strings.Count(text, "xxx\n") != 30 {
		t.Errorf("stderr: %q", text)
	}
}

// Close does not wait for a dead disk longer than it says.
func TestCloseIsBounded(t *testing.T) {
	block := make(chan struct{})
	tune := quick()
	tune.close = 20 * time.Millisecond
	tune.write = func(f *os.File, p []byte) (int, error) {
		<-block
		return f.Write(p)
	}
	w, err := open(Options{Path: logPath(t)}, tune)
	must(t, err)
	_, err = io.WriteString(w, "a\n")
	must(t, err)
	if err := w.Reopen(); err == nil {
		t.Error("reopen does not say that it is waiting")
	}
	if err := w.Close(); err == nil {
		t.Error("close does not say that it gave up")
	}
	close(block)
	<-w.ended
}
