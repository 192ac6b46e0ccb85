package serverengine_test

import (
	"context"
	"fmt"
	"os"
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
	before := tr.usage(tr.pid)
	tr.calm(false)
	for _, l := range lives {
		tr.kill(l.pid, syscall.SIGKILL)
	}
	tr.crashes(restarts)
	tr.calm(true)
	tr.replaced(lives)
	tr.givesBack(tr.pid, before, fmt.Sprintf("%d crashes", restarts))
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
