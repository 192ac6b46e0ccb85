package serverengine_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// pinnedAs starts workers with a socket each, at an address of the listen key, as somebody
// else than the top was.
func pinnedAs(t *testing.T, p person, address string, more keys) *tree {
	t.Helper()
	settings := with(keys{
		"worker_type": "process", "workers": 2, "socket_reuseport": true, "chuser": p.user, "chgroup": p.group,
		"listen": address, "address": address,
	}, more)
	return adjusted(t, "turns", settings, func(tr *tree, cmd *exec.Cmd) { tr.settle(p, cmd) })
}

// reconfigure is configure with a file that somebody else may read.
func (tr *tree) reconfigure(p person, settings keys) {
	tr.t.Helper()
	tr.configure(settings)
	if err := os.Chown(tr.path("config.yml"), p.uid, p.gid); err != nil {
		tr.t.Fatal(err)
	}
}

// A server that has become another user opens further sockets beside those of the listen key.
func TestScalingUpAfterTheUserHasChanged(t *testing.T) {
	eachPerson(t, func(t *testing.T, p person) {
		for _, supervisor := range []bool{false, true} {
			tr := pinnedAs(t, p, freeAddress(t), keys{"supervisor": supervisor})
			tr.serving(2)
			tr.signal(syscall.SIGTTIN)
			tr.serving(3)
			tr.reconfigure(p, keys{"workers": 4})
			tr.signal(syscall.SIGUSR2)
			for _, l := range tr.serving(4) {
				p.is(t, l.pid, statusOf(t, tr.pid)["Umask"])
			}
			turns := map[string]bool{}
			eventually(t, "each of the four gets its turn", func() bool {
				c, worker, err := tr.speaker("tcp", tr.address())
				if err != nil {
					t.Fatal(err)
				}
				c.Close()
				turns[worker] = true
				return len(turns) == 4
			})
		}
	})
}

// A port that only root may bind has as many sockets as there were workers at the start: more
// are refused, and nothing else changes.
func TestScalingUpWithoutTheRightToBindIsRefused(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	for _, supervisor := range []bool{false, true} {
		address := lowAddress(t)
		p := nobody(t)
		tr := pinnedAs(t, p, address, keys{"supervisor": supervisor})
		before := tr.serving(2)
		tr.signal(syscall.SIGTTIN)
		r := tr.says("scale refused")
		for _, want := range []string{"workers", address, "permission denied", "chuser", "socket_reuseport"} {
			if !strings.Contains(r.Msg, want) {
				t.Errorf("want %q in %s", want, r.line)
			}
		}
		tr.reconfigure(p, keys{"workers": 3})
		tr.signal(syscall.SIGUSR1)
		if r := tr.says("reload refused"); !strings.Contains(r.Msg, "permission denied") || !strings.Contains(r.Msg, address) {
			t.Errorf("the log says %s", r.line)
		}
		tr.reconfigure(p, keys{"workers": 2})
		tr.signal(syscall.SIGUSR1)
		tr.replaced(before)
		tr.signal(syscall.SIGTTOU)
		tr.serving(1)
		if n := count(tr.log.read(), "worker exited unexpectedly"); n != 0 {
			t.Errorf("%d workers have failed", n)
		}
		c, _, err := tr.speaker("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
}

// The file of a unix socket goes with the user, who removes it at the end.
func TestSocketFileGoesWithTheUser(t *testing.T) {
	eachPerson(t, func(t *testing.T, p person) {
		dir := shortDir(t)
		if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "s")
		tr := adjusted(t, "turns", keys{"worker_type": "process", "workers": 1, "chuser": p.user, "chgroup": p.group, "listen": "unix://" + path, "address": "unix:" + path},
			func(tr *tree, cmd *exec.Cmd) { tr.settle(p, cmd) })
		tr.serving(1)
		p.owns(t, path)
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there: %v", err)
		}
	})
}
