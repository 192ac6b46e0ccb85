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
