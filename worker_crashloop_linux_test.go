package serverengine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["crash loop"] = func() {
		run(appOf(func(ctx context.Context, self *serverengine.Self) error {
			if _, err := os.Stat(os.Getenv(treeVar) + "/enough"); err == nil {
				<-ctx.Done()
				return nil
			}
			os.Exit(3)
			return nil
		}))
	}
}

// usage is what a top holds that its workers could leave behind.
type usage struct{ descriptors, goroutines, zombies int }

func TestCrashRestartsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	restarts := 1000
	if testing.Short() || raceEnabled {
		restarts = 100
	}
	tr := start(t, "crash loop", keys{"worker_type": "process", "workers": 2, "restart_backoff": 0, "max_restarts": 0, "worker_ready_after": "300ms"})
	tr.crashes(20) // what is made once is there
	tr.calm(true)
	lives := tr.serving(2)
	before := tr.usage()
	tr.calm(false)
	for _, l := range lives {
		tr.kill(l.pid, syscall.SIGKILL)
	}
	tr.crashes(restarts)
	tr.calm(true)
	tr.replaced(lives)
	var after usage
	eventually(t, "what the crashed workers had is given back", func() bool {
		after = tr.usage()
		return after.zombies == 0 && after.descriptors <= before.descriptors && after.goroutines <= before.goroutines
	})
	t.Logf("before %+v, after %d crashes %+v", before, restarts, after)
}

// calm tells the next workers to crash at once, or not to.
func (tr *tree) calm(yes bool) {
	tr.t.Helper()
	var err error
	if yes {
		err = os.WriteFile(tr.path("enough"), nil, 0o600)
	} else {
		err = os.Remove(tr.path("enough"))
	}
	if err != nil {
		tr.t.Fatal(err)
	}
}

// crashes waits until n workers have crashed.
func (tr *tree) crashes(n int) {
	tr.t.Helper()
	eventually(tr.t, fmt.Sprintf("%d crashes", n), func() bool {
		return count(tr.log.read(), "worker exited unexpectedly: exit 3") >= n
	})
}

// usage looks at the top; the number of its goroutines is from a dump.
func (tr *tree) usage() usage {
	tr.t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", tr.pid))
	if err != nil || len(fds) == 0 {
		tr.t.Fatalf("descriptors of the top: %v", err)
	}
	_ = os.Remove(tr.dumpPath(tr.pid)) // there is none before the first
	tr.signal(syscall.SIGCONT)
	return usage{
		descriptors: len(fds),
		goroutines:  strings.Count(tr.dumpOf(tr.pid), "\ngoroutine "),
		zombies:     tr.zombies(),
	}
}

// zombies are dead children of the top that it has not reaped.
func (tr *tree) zombies() int {
	n := 0
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		var state string
		var parent int
		if _, err := fmt.Sscan(rest, &state, &parent); err == nil && state == "Z" && parent == tr.pid {
			n++
		}
	}
	return n
}
