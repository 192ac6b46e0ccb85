//go:build unix

package logging

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	roles["capture"] = roleCapture
	roles["restore"] = roleRestore
}

// raw writes to a descriptor as C code would.
func raw(fd int, s string) { _, _ = unix.Write(fd, []byte(s)) }

// roleCapture captures 1 and 2 and prints before and after rotation, reopening and
// a move, and then panics.
func roleCapture(args []string) int {
	path := args[0]
	w, err := Open(Options{Path: path, RotateAge: 100, RotateSize: 1000})
	if err == nil {
		err = w.CaptureStd(true, true)
	}
	if err != nil {
		fmt.Println(err)
		return 2
	}
	fmt.Println("printed")
	raw(2, "raw\n")
	_, err = io.WriteString(w, strings.Repeat("r", 990)+"\n") // rotates
	err = errors.Join(err, w.Flush(background))
	raw(1, "after rotation\n")
	err = errors.Join(err, os.Rename(path, path+".moved"), w.Reopen())
	fmt.Fprintln(os.Stderr, "after reopening")
	if err != nil {
		fmt.Println(err)
		return 3
	}
	if len(args) > 1 { // a panic in a goroutine nobody recovers
		done := make(chan struct{})
		go func() { panic("no way out") }()
		<-done
	}
	return 0
}

func TestCaptureStd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	cmd := roleCommand("capture", path, "panic")
	out, err := cmd.CombinedOutput()
	if err == nil || len(out) != 0 {
		t.Errorf("%v; on the original descriptors: %q", err, out)
	}
	names, err := backups(path)
	if err != nil || len(names) != 1 || read(t, names[0]) != "printed\nraw\n" {
		t.Fatalf("backups %v, %v", names, err)
	}
	if got := read(t, path+".moved"); !strings.HasPrefix(got, "rrr") || !strings.HasSuffix(got, "\nafter rotation\n") {
		t.Errorf("the file after the rotation: %q", got)
	}
	if got := read(t, path); !strings.HasPrefix(got, "after reopening\npanic: no way out\n") || !strings.Contains(got, "logging.roleCapture") {
		t.Errorf("the file after reopening: %q", got)
	}
}

// roleRestore shows that the original descriptors come back.
func roleRestore(args []string) int {
	w, err := Open(Options{Path: args[0]})
	if err != nil {
		return 2
	}
	err = w.CaptureStd(true, true)
	fmt.Println("log: both")
	err = errors.Join(err, w.CaptureStd(false, true))
	fmt.Println("stdout: free")
	fmt.Fprintln(os.Stderr, "log: stderr only")
	_, werr := fmt.Fprintln(w.Stderr(), "stderr: the original")
	err = errors.Join(err, werr, w.Reconfigure(Options{Path: "-"}))
	fmt.Fprintln(os.Stderr, "stderr: no capture while the log is stdout")
	_, werr = io.WriteString(w, "stdout: a record\n")
	err = errors.Join(err, werr, w.Reconfigure(Options{Path: args[0]}))
	fmt.Fprintln(os.Stderr, "log: captured again")
	err = errors.Join(err, w.CaptureStd(true, true), w.Close())
	fmt.Println("stdout: after close")
	fmt.Fprintln(os.Stderr, "stderr: after close")
	if err != nil {
		fmt.Println(err)
		return 3
	}
	return 0
}

func TestOriginalDescriptorsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	var stdout, stderr strings.Builder
	cmd := roleCommand("restore", path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	must(t, cmd.Run())
	for _, c := range []struct{ name, got, want string }{
		{"log", read(t, path), "log: both\nlog: stderr only\nlog: captured again\n"},
		{"stdout", stdout.String(), "stdout: free\nstdout: a record\nstdout: after close\n"},
		{"stderr", stderr.String(), "stderr: the original\nstderr: no capture while the log is stdout\nstderr: after close\n"},
	} {
		if c.got != c.want {
			t.Errorf("%s:\n%s", c.name, c.got)
		}
	}
}

// A log on stdout whose reader is gone does not kill the process.
func TestStdoutWithoutReader(t *testing.T) {
	r, wr, err := os.Pipe()
	must(t, err)
	cmd := roleCommand("stdout")
	cmd.Stdout = wr
	var stderr strings.Builder
	cmd.Stderr = &stderr
	must(t, r.Close())
	must(t, cmd.Run())
	must(t, wr.Close())
	if got := stderr.String(); !strings.HasSuffix(got, "a record\nlost 1\n") || strings.Count(got, "broken pipe") != 1 {
		t.Errorf("%q", got)
	}
}

func init() {
	roles["stdout"] = func([]string) int {
		w, err := open(Options{Path: "-"}, quick())
		if err != nil {
			return 2
		}
		_, err = io.WriteString(w, "a record\n")
		if err != nil || w.Flush(background) == nil {
			return 3
		}
		fmt.Fprintln(os.Stderr, "lost", w.Lost())
		if w.Close() == nil {
			return 4
		}
		return 0
	}
}
