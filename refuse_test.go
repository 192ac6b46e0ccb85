//go:build unix

package serverengine_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// What keeps a server from starting is one line on stderr with the key and the cure, and
// the exit code is not 0.
func TestBadInputIsOneLineWithKeyAndCure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, role string
		settings   keys
		want       []string
	}{
		{"unknown worker type", "web", keys{"worker_type": "fibre"}, []string{"worker_type", "fibre", "embedded", "thread", "process"}},
		{"no worker", "no worker", keys{"worker_type": "thread"}, []string{"App.Worker", "is nil", "serverengine.Func"}},
		{"config not from Default", "zero config", nil, []string{"Default()"}},
		{"mistyped key", "web", keys{"worker_typ": "process"}, []string{"worker_typ", "did you mean worker_type"}},
		{"number out of range", "web", keys{"workers": -1}, []string{"workers", "-1"}},
		{"log that can't be opened", "web", keys{"log": "/proc/no/such/log"}, []string{"log", "can't be opened", "/proc/no/such/log"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := start(t, c.role, c.settings)
			tr.gone()
			tr.refused(c.want...)
		})
	}
}

// refused wants a program to have ended with one line of complaint that has all of this.
func (tr *tree) refused(want ...string) {
	tr.t.Helper()
	if code := tr.cmd.ProcessState.ExitCode(); code < 1 {
		tr.t.Errorf("exit code %d", code)
	}
	b, err := os.ReadFile(tr.stderr)
	if err != nil {
		tr.t.Fatal(err)
	}
	line := strings.TrimSuffix(string(b), "\n")
	if strings.Contains(line, "\n") || line == "" {
		tr.t.Errorf("not one line: %q", line)
	}
	for _, w := range want {
		if !strings.Contains(line, w) {
			tr.t.Errorf("the line lacks %q: %s", w, line)
		}
	}
}

func TestGuestWithProcessesNeedsInit(t *testing.T) {
	t.Parallel()
	tr := start(t, "guest, no Init", nil)
	tr.gone()
	if code := tr.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	b, _ := os.ReadFile(tr.stderr)
	found := false
	for line := range strings.Lines(string(b)) {
		found = found || strings.Contains(line, "worker_type") && strings.Contains(line, "serverengine.Init(app) in the first line of main")
	}
	if !found {
		t.Errorf("no line names the key and the cure: %s", b)
	}
}

// A port that somebody else has: the worker's error names the address and the cause, and
// the server tries again ever more slowly until the port is free.
func TestBusyPortIsNamedAndTriedSlowly(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		tr := start(t, "web", keys{"worker_type": typ, "workers": 1, "address": taken.Addr().String(), "restart_backoff": "200ms", "restart_backoff_max": "400ms", "max_restarts": 0})
		r := tr.says("address already in use")
		for _, want := range []string{"listen tcp " + taken.Addr().String()} {
			if !strings.Contains(r.Msg, want) {
				t.Errorf("the error lacks %q: %s", want, r.line)
			}
		}
		tr.saysOf("1.0.4", "worker exited unexpectedly")
		taken.Close()
		tr.serving(1)
		tr.mustGet("/")
	})
}

// With the default back-off a worker that can't start costs a handful of starts, not
// hundreds a second (R3).
func TestBusyPortDoesNotSpin(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	tr := start(t, "web", keys{"worker_type": "process", "workers": 1, "address": taken.Addr().String()})
	began := tr.says("worker started").Time
	eventually(t, "two seconds have passed", func() bool { return time.Since(began) > 2*time.Second })
	if n := count(tr.log.read(), "worker started"); n < 2 || n > 20 {
		t.Errorf("%d starts within two seconds", n)
	}
}
