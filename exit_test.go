//go:build unix

package serverengine_test

import (
	"syscall"
	"testing"
)

// An unrecoverable exit code of the only worker is that of the program.
func TestUnrecoverableExitCodeReachesTheShell(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "ends", keys{"worker_type": typ, "workers": n, "exit_with": 7, "unrecoverable_exit_codes": "[3, 7]"})
		tr.exits(7)
		if got := count(tr.log.read(), "worker started"); got != n {
			t.Errorf("%d workers were started, want %d", got, n)
		}
		tr.says("exit 7: as configured")
	})
}

// An error of Run is exit code 1, which can be unrecoverable too.
func TestErrorOfRunIsExitCode1(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "ends", keys{"worker_type": typ, "workers": 1, "unrecoverable_exit_codes": "[1]"})
		tr.exits(1)
		tr.says("the worker has had enough")
	})
}

// One of several ends for good: the others go on, unless told otherwise.
func TestUnrecoverableExitOfOneOfSeveral(t *testing.T) {
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			settings := keys{"worker_type": typ, "workers": 3, "exit_with": 7, "only_slot": 1, "unrecoverable_exit_codes": "[7]", "worker_ready_after": 0}
			tr := start(t, "ends", settings)
			tr.saysOf("1.1.1", "worker exited unexpectedly: exit 7")
			tr.serving(2)
			tr.silent("1.1.2")
			tr.signal(syscall.SIGTERM)
			tr.exits(0)

			settings["stop_immediately_at_unrecoverable_exit"] = true
			tr = start(t, "ends", settings)
			tr.exits(7)
			tr.saysOf("1.0.1", "worker told to stop (graceful): a worker exited unrecoverably")
			tr.saysOf("1.0.1", "worker exited: exit 0")
		})
	}
}

func TestTooManyRestartsEndTheServerWhereWanted(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "ends", keys{"worker_type": typ, "workers": 1, "max_restarts": 2, "on_restart_limit": "stop", "restart_backoff": 0})
		tr.exits(1)
		if got := count(tr.log.read(), "worker started"); got != 3 {
			t.Errorf("%d starts, want 3", got)
		}
		tr.says("restart limit exceeded")
	})
}

// R5: a stop during start_worker_delay starts nobody afterwards.
func TestTermDuringStartWorkerDelayStartsNobody(t *testing.T) {
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tr := start(t, "web", keys{"worker_type": typ, "workers": 3, "start_worker_delay": "1h"})
			tr.serving(1)
			tr.signal(syscall.SIGTERM)
			tr.exits(0)
			if n := count(tr.log.read(), "worker started"); n != 1 {
				t.Errorf("%d workers were started", n)
			}
		})
	}
}

// R6: a reload with fewer workers stops the highest.
func TestReloadWithFewerWorkersStopsTheRest(t *testing.T) {
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tr := serve(t, typ, 4)
			before := tr.serving(4)
			tr.configure(keys{"workers": 2})
			tr.signal(syscall.SIGUSR2)
			for _, gone := range []string{"1.2.1", "1.3.1"} {
				tr.saysOf(gone, "worker told to stop (graceful): fewer workers are wanted")
				tr.saysOf(gone, "worker exited: exit 0")
			}
			after := tr.serving(2)
			if after[0] != before[0] || after[1] != before[1] {
				t.Errorf("before %v, after %v", before, after)
			}
			tr.configure(keys{"workers": 3})
			tr.signal(syscall.SIGUSR2)
			if l := tr.serving(3)[2]; l.incarnation != "1.2.2" {
				t.Errorf("slot 2 is taken by %s", l.incarnation)
			}
		})
	}
}
