//go:build unix

package serverengine_test

import (
	"path/filepath"
	"syscall"
	"testing"
)

// ladderKeys are a kill ladder of a server process that is climbed in a second.
func ladderKeys(t *testing.T) keys {
	return keys{
		"worker_type": "process", "workers": 1, "supervisor": true, "gate": filepath.Join(t.TempDir(), "never"),
		"server_graceful_kill_interval": "100ms", "server_graceful_kill_interval_increment": "50ms", "server_graceful_kill_timeout": "600ms",
		"server_immediate_kill_interval": "50ms", "server_immediate_kill_interval_increment": "10ms", "server_immediate_kill_timeout": "300ms",
	}
}

// A server whose worker does not finish gets TERM again and again, and then an immediate
// stop, which it passes on.
func TestServerThatDoesNotFinishClimbsTheLadder(t *testing.T) {
	t.Parallel()
	tr := start(t, "stays", ladderKeys(t))
	before := tr.serving(1)
	tr.signal(syscall.SIGTERM)
	tr.saysOf(before[0].incarnation, "worker told to stop (graceful)")
	tr.says("signal TERM: graceful stop")
	tr.saysOf(before[0].incarnation, "worker told to stop (immediate)")
	tr.exits(0)
	again := 0
	for _, r := range tr.log.read() {
		if r.Msg == "signal TERM: graceful stop" && r.Pid != tr.pid {
			again++
		}
	}
	if again < 2 {
		t.Errorf("the server got TERM %d times before it was stopped immediately", again)
	}
}

// When a deadline is over that the server and its workers share, the server kills the workers
// before it is killed itself: nobody outlives the top, neither a worker that does not listen
// nor one that is stopped.
func TestDeadlineUnderASupervisorLeavesNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sig     syscall.Signal
		stopped bool
	}{
		"stop_timeout and a worker that goes on":      {syscall.SIGTERM, false},
		"stop_timeout and a worker that is stopped":   {syscall.SIGTERM, true},
		"immediate stop and a worker that is stopped": {syscall.SIGQUIT, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := keys{"stop_timeout": "1s", "server_graceful_kill_timeout": "-1", "server_graceful_kill_interval": "1m"}
			if c.sig == syscall.SIGQUIT {
				settings = keys{"worker_immediate_kill_timeout": "300ms"} // the server's
			}
			tr := start(t, "stays", with(ladderKeys(t), settings))
			w := tr.serving(1)[0]
			if c.stopped {
				tr.freeze(w.pid)
			}
			tr.signal(c.sig)
			tr.exits(0)
			if left := tr.family(); len(left) > 0 {
				t.Errorf("%v outlive the top", left)
			}
			tr.says("worker exited: signal KILL")
		})
	}
}

// A server that can't even hear an immediate stop is killed at the end.
func TestServerThatIsDeafIsKilled(t *testing.T) {
	t.Parallel()
	tr := start(t, "stays", with(ladderKeys(t), keys{"orphan_timeout": "1s"}))
	tr.serving(1)
	var started struct {
		Pid int `json:"server_pid"`
	}
	tr.says("server started").decode(t, &started)
	tr.freeze(started.Pid)
	tr.signal(syscall.SIGTERM)
	tr.says("server exited: signal KILL")
	tr.exits(0)
	eventually(t, "the worker has noticed", func() bool { return len(tr.family()) == 0 })
}
