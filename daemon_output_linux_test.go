package serverengine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// breakOutput gives a command an stdout and stderr whose reader is gone.
func breakOutput(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	cmd.Stdout, cmd.Stderr = w, w
}

// With its output closed, or going to nobody, a program works, and its log is complete:
// also what its workers print where it is not captured.
func TestClosedAndBrokenOutputHurtsNobody(t *testing.T) {
	t.Parallel()
	for name, adjust := range map[string]func(*testing.T, *exec.Cmd){
		"closed": func(_ *testing.T, cmd *exec.Cmd) { closeStd(cmd) }, "broken": breakOutput,
	} {
		for _, captured := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, captured %v", name, captured), func(t *testing.T) {
				t.Parallel()
				tr := adjusted(t, "web", keys{"worker_type": "process", "supervisor": true, "log_stdout": captured, "log_stderr": captured, "message": "one"},
					func(_ *tree, cmd *exec.Cmd) { adjust(t, cmd) })
				before := tr.serving(2)
				tr.asking("/slow?for=100ms").arrives("slow answer")
				if captured {
					tr.says("printed to stdout")
					tr.says("printed to stderr")
				}
				tr.signal(syscall.SIGUSR2)
				tr.says("reloaded")
				tr.same(before)
				tr.signal(syscall.SIGTERM)
				tr.exits(0)
				tr.says("web has stopped")
				if !captured {
					for _, r := range tr.log.read() {
						if strings.Contains(r.Msg, "printed to") {
							t.Errorf("captured all the same: %.80s", r.line)
							break
						}
					}
				}
			})
		}
	}
}

// A log that goes to a pipe goes on being written, to nobody, when its reader ends.
func TestLogIntoAPipeWhoseReaderEnds(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		w, out := newOutlet(t)
		address := freeAddress(t)
		tr := adjusted(t, "web", keys{"worker_type": "process", "supervisor": supervisor, "log": "-", "address": address},
			func(_ *tree, cmd *exec.Cmd) { cmd.Stdout = w })
		w.Close()
		waitForText(t, out, "server ready")
		out.Close()
		for range 3 {
			answersAt(t, address)
		}
		tr.kill(tr.pid, syscall.SIGUSR2)
		answersAt(t, address)
		tr.kill(tr.pid, syscall.SIGTERM)
		tr.exits(0)
		if _, err := os.Stat(filepath.Join(tr.dir, "-")); err == nil {
			t.Error("there is a file named -")
		}
	})
}

// waitForText reads until a text has come.
func waitForText(t *testing.T, o *outlet, text string) {
	t.Helper()
	var seen strings.Builder
	piece := make([]byte, 4096)
	for !strings.Contains(seen.String(), text) {
		n, err := o.Read(piece)
		if err != nil {
			t.Fatalf("%q does not come: %v after %s", text, err, &seen)
		}
		seen.Write(piece[:n])
	}
}

// dies lets a program break that waits for it, and wants its trace in the log file, whole.
func (tr *tree) dies(how string) {
	tr.t.Helper()
	tr.says("waiting to break")
	tr.atGate()()
	tr.gone()
	if ws, ok := tr.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.ExitStatus() != 2 {
		tr.t.Errorf("the program ended with %s", tr.cmd.ProcessState)
	}
	tr.traced(how)
}

func (tr *tree) traced(how string) {
	tr.t.Helper()
	if how == "fatal" {
		tr.excuse("DATA RACE") // which a map written twice is
	}
	b, err := os.ReadFile(tr.log.path)
	if err != nil {
		tr.t.Fatal(err)
	}
	text := string(b)
	wants := map[string][]string{
		"panic": {"panic: a mistake of the user", "goroutine ", "_test.breaks.func", "daemon_roles_linux_test.go:"},
		"fatal": {"fatal error: concurrent map ", "goroutine ", "_test.writeTwice.func", "web_test.go:"},
	}[how]
	for _, want := range wants {
		if !strings.Contains(text, want) {
			tr.t.Errorf("the log lacks %q", want)
		}
	}
	if b, err := os.ReadFile(tr.stderr); err != nil || len(b) > 0 {
		tr.t.Errorf("on stderr is %q, %v", b, err)
	}
}

func eachBreak(t *testing.T, story func(t *testing.T, how string)) {
	t.Parallel()
	for _, how := range []string{"panic", "fatal"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			story(t, how)
		})
	}
}

// A mistake in the user's code that nobody can recover from ends the top, with 5000
// goroutines in it, and is in the log file: descriptor 2 is that file.
func TestBrokenTopHasItsTraceInTheLog(t *testing.T) {
	eachBreak(t, func(t *testing.T, how string) {
		tr := adjusted(t, "breaks", keys{"worker_type": "embedded", "how": how}, func(tr *tree, _ *exec.Cmd) { tr.makeGate() })
		tr.dies(how)
	})
}

// All goroutines are in the log where the user asks for them.
func TestBrokenTopLogsAllGoroutinesIfAsked(t *testing.T) {
	t.Parallel()
	tr := startWith(t, "breaks", keys{"worker_type": "embedded", "how": "panic"}, launch{
		env: []string{"GOTRACEBACK=all"}, adjust: func(tr *tree, _ *exec.Cmd) { tr.makeGate() },
	})
	tr.dies("panic")
	b, err := os.ReadFile(tr.log.path)
	if n := strings.Count(string(b), "\ngoroutine "); err != nil || n < 5000 {
		t.Errorf("%d goroutines are in the log, %v", n, err)
	}
}

// After a rotation, and after a reload of a log that was moved, the trace is in the new
// file; so it is in a daemon.
func TestBrokenTopHasItsTraceInTheNewestLog(t *testing.T) {
	eachBreak(t, func(t *testing.T, how string) {
		tr := adjusted(t, "breaks", keys{"worker_type": "embedded", "how": how}, func(tr *tree, _ *exec.Cmd) {
			tr.configure(daemonKeys(tr))
			tr.makeGate()
		})
		tr.exits(0)
		tr.adopt()
		tr.says("waiting to break")
		tr.moveLog()
		tr.signal(syscall.SIGUSR2)
		tr.logIsBack()
		tr.atGate()()
		tr.allGone()
		tr.traced(how)
		for _, name := range []string{"log.old", "stdout"} {
			b, err := os.ReadFile(tr.path(name))
			if err != nil || strings.Contains(string(b), "goroutine ") {
				t.Errorf("a trace is in %s, or %v", name, err)
			}
		}
		if pid := pidIn(t, tr.path("pid")); pid != tr.pid { // the next start takes it over
			t.Errorf("the pid file says %d", pid)
		}
	})
}
