//go:build unix

package serverengine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["eats"] = func() { run(appOf(eats)) }
	roles["stays"] = func() { run(appOf(stays)) }
}

// eats is a worker that takes memory and does jobs, as the configuration says.
func eats(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	if n, ok := self.Config().Get("eat"); ok {
		held := make([]byte, n.(int))
		for i := 0; i < len(held); i += 4096 {
			held[i] = 1
		}
		self.Logger().Infof("ate %d", len(held))
		defer func() { self.Logger().Debugf("held %d", held[0]) }()
	}
	if n, ok := self.Config().Get("jobs"); ok {
		for range n.(int) {
			self.Done()
		}
	}
	<-ctx.Done()
	return nil
}

// stays is a worker that needs a while to stop: until its gate file is there.
func stays(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	<-ctx.Done()
	gate, _ := self.Config().Get("gate")
	for serverengine.Sleep(context.Background(), time.Millisecond) {
		if _, err := os.Stat(gate.(string)); !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Each limit marks a worker, which is then replaced like in a rolling restart.
func TestWorkersAreRecycled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings keys
		why      string
	}{
		"age":    {keys{"worker_max_age": "300ms"}, "worker_max_age"},
		"jobs":   {keys{"worker_max_jobs": 50, "jobs": 60}, "worker_max_jobs"},
		"memory": {keys{"worker_max_memory": "48MB", "eat": 64 << 20}, "worker_max_memory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "memory" {
				if _, err := os.Stat("/proc/self/status"); err != nil {
					t.Skip("memory is known on Linux only")
				}
			}
			tr := start(t, "eats", with(c.settings, keys{"worker_type": "process", "workers": 1}))
			before := tr.serving(1)
			tr.says("worker is to be replaced: " + c.why)
			tr.replaced(before)
			tr.saysOf(before[0].incarnation, "worker told to stop (graceful): replaced by")
		})
	}
}

// restart_strategy: all tells every worker at once; rolling waits for each replacement,
// max_surge of them at a time. A stop that takes long holds up only the former.
func TestRestartStrategies(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings keys
		waits    bool
	}{
		"all":              {keys{"restart_strategy": "all"}, true},
		"rolling":          {keys{"restart_strategy": "rolling"}, false},
		"rolling in pairs": {keys{"restart_strategy": "rolling", "max_surge": 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := filepath.Join(t.TempDir(), "gate")
			tr := start(t, "stays", with(c.settings, keys{"worker_type": "process", "workers": 4, "gate": gate}))
			before := tr.serving(4)
			tr.signal(syscall.SIGUSR1)
			if c.waits {
				for _, l := range before {
					tr.saysOf(l.incarnation, "worker told to stop (graceful): graceful restart")
				}
				if n := count(tr.log.since(), "worker started"); n != 0 {
					t.Errorf("%d workers were started before the old ones had ended", n)
				}
			} else {
				tr.replaced(before)
				tr.says("graceful restart finished")
			}
			if err := os.WriteFile(gate, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			tr.replaced(before)
		})
	}
}

// worker_drain_timeout bounds how long a replaced worker may take.
func TestDrainTimeoutEndsAReplacedWorker(t *testing.T) {
	t.Parallel()
	gate := filepath.Join(t.TempDir(), "gate")
	tr := start(t, "stays", keys{"worker_type": "process", "workers": 1, "gate": gate, "worker_drain_timeout": "100ms"})
	before := tr.serving(1)
	tr.signal(syscall.SIGUSR1)
	tr.saysOf(before[0].incarnation, "worker_drain_timeout is over: immediate stop")
	tr.saysOf(before[0].incarnation, "worker exited")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A worker that was ready for worker_stable_after has its earlier crashes forgiven, and
// restart_window says how long they count towards max_restarts.
func TestStableWorkersAreForgiven(t *testing.T) {
	t.Parallel()
	tr := start(t, "eats", keys{"worker_type": "process", "workers": 1, "restart_backoff": "1h", "restart_backoff_max": "1h",
		"worker_stable_after": "1us", "restart_window": "1ms", "max_restarts": 1})
	for range 4 { // each would wait up to an hour if it were not forgiven
		l := tr.serving(1)
		tr.kill(l[0].pid, syscall.SIGKILL)
		tr.replaced(l)
	}
}

// log_compress leaves gzip files behind a rotation.
func TestLogIsCompressed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tr := start(t, "noisy", keys{"worker_type": "process", "workers": 1, "log": filepath.Join(dir, "log"),
		"log_rotate_age": 3, "log_rotate_size": 100000, "log_compress": true})
	eventually(t, "a compressed backup is there", func() bool {
		names, err := filepath.Glob(filepath.Join(dir, "*.gz"))
		return err == nil && len(names) > 0
	})
	names, _ := filepath.Glob(filepath.Join(dir, "*.gz"))
	b, err := os.ReadFile(names[0])
	if err == nil && !strings.HasPrefix(string(b), "\x1f\x8b") {
		t.Errorf("%s is no gzip file", names[0])
	}
	_ = tr
}
