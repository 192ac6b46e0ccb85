//go:build unix

package serverengine_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// Reloads in a loop, good and bad files in turns, under load: good ones arrive at every
// worker with the same version, bad ones change nothing, and no request fails.
func TestReloadLoop(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 60
	}
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, hostKeys(typ, nil))
			h.ready(2)
			l := h.load(2, true)
			version := h.status().ConfigVersion
			for n := range rounds {
				if n%2 == 1 {
					h.refuses(n)
					continue
				}
				h.configure(keys{"message": fmt.Sprintf("message %d", n)})
				applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied)
				if version++; !ok || applied.Version != version {
					t.Fatalf("round %d: %+v, want version %d", n, applied, version)
				}
			}
			h.wants("every worker has seen the last good configuration", func(s messages.Status) bool {
				for _, w := range s.Servers[0].Workers {
					if w.ConfigVersion != version {
						return false
					}
				}
				return s.ConfigVersion == version
			})
			l.reaches(t, 20)
			l.finish()
			l.clean(t)
			if body := h.mustGet("/"); !strings.Contains(body, fmt.Sprintf("message=message %d", (rounds-1)/2*2)) {
				t.Errorf("the workers' message is not that of the last good file: %s", body)
			}
		})
	}
}

// refuses writes a file with a mistake and wants the reload refused for it.
func (h *host) refuses(n int) {
	h.t.Helper()
	good, err := os.ReadFile(h.path("config.yml"))
	if err != nil {
		h.t.Fatal(err)
	}
	bad := []string{"workers: many\n", "worker_typ: process\n", "log_level: [\n", "start_worker_delay: -7\n"}[n/2%4]
	if err := os.WriteFile(h.path("config.yml"), append([]byte(bad), good...), 0o600); err != nil {
		h.t.Fatal(err)
	}
	if refused, ok := h.request(messages.Reload{}).(messages.ConfigRefused); !ok || refused.Reason == "" {
		h.t.Fatalf("round %d: %q was taken: %+v", n, bad, refused)
	}
}

// A worker whose Reload fails is replaced by one that starts with the new configuration.
func TestWorkerThatRefusesAReloadIsReplaced(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tr := serve(t, typ, 2, keys{"message": "one"})
			before := tr.serving(2)
			tr.configure(keys{"message": "refuse"})
			tr.signal(syscall.SIGUSR2)
			tr.replaced(before)
			tr.says("this message can't be used")
			if body := tr.mustGet("/"); !strings.Contains(body, "message=refuse") {
				t.Errorf("the new worker has not the new configuration: %s", body)
			}
		})
	}
}

// What a run-time scale has decided survives a reload that does not change workers, and
// gives way to one that does.
func TestScaleSurvivesReloads(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2)
	tr.serving(2)
	tr.signal(syscall.SIGTTIN)
	tr.serving(3)
	tr.configure(keys{"message": "changed"})
	tr.signal(syscall.SIGUSR2)
	tr.says("configuration: message")
	tr.serving(3)
	tr.configure(keys{"workers": 1})
	tr.signal(syscall.SIGUSR2)
	tr.serving(1)
}

// The log says what changed, and what takes effect only after a restart.
func TestReloadSaysWhatChanged(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 1)
	tr.serving(1)
	tr.configure(keys{"workers": 2, "worker_type": "thread", "pid_path": tr.path("never.pid")})
	tr.signal(syscall.SIGUSR2)
	tr.says("workers 1 → 2 (now)")
	tr.says("worker_type process → thread (needs a restart of the server)")
	tr.says("pid_path")
	tr.serving(2)
}
