//go:build unix

package serverengine_test

import (
	"os"
	"syscall"
	"testing"
)

// CONT comes with a service manager's TERM and is not meant then.
func TestContDuringAStopIsIgnored(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		a, gate := tr.hold()
		tr.signal(syscall.SIGTERM)
		tr.says("graceful stop: TERM")
		tr.signal(syscall.SIGCONT)
		tr.says("signal CONT: dump")
		gate.open()
		a.arrives("held by")
		tr.exits(0)
		tr.silent("dump written")
		if _, err := os.Stat(tr.dumpPath(tr.pid)); err == nil {
			t.Error("there is a dump")
		}
	})
}

// A stop that comes while the first workers start leaves nobody behind.
func TestTermWhileWorkersStart(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := start(t, "web", keys{"worker_type": typ, "workers": n})
		tr.says("web starts")
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
	})
}

// A worker that does not come to an end of its work cuts it off itself, in time before it would
// be told to stop immediately, and says so.
func TestWorkerCutsOffItsConnectionsBeforeItIsKilled(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 1, keys{"worker_graceful_kill_timeout": "5s", "drain_wait": "1s"})
	a, gate := tr.hold()
	defer gate.open()
	tr.signal(syscall.SIGTERM)
	tr.says("drain: closed 1 connections that were still open")
	a.breaks()
	tr.exits(0)
	tr.silent("immediate")
}
