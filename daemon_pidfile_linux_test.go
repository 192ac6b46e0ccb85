package serverengine_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// withPid starts the web program with a pid file at a path, in the tree's directory unless
// it is absolute.
func withPid(t *testing.T, path string, settings keys) *tree {
	t.Helper()
	return adjusted(t, "web", settings, func(tr *tree, _ *exec.Cmd) {
		if !filepath.IsAbs(path) {
			path = tr.path(path)
		}
		tr.configure(keys{"pid_path": path})
	})
}

// pidIn is the number in a pid file.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSuffix(string(b), "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestPidFileIsTheTopsAsLongAsItRuns(t *testing.T) {
	t.Parallel()
	old := syscall.Umask(0o022)
	syscall.Umask(old)
	tr := withPid(t, "pid", keys{"worker_type": "process", "supervisor": true})
	tr.serving(2)
	path := tr.path("pid")
	if pid := pidIn(t, path); pid != tr.pid {
		t.Errorf("the file says %d, the top is %d", pid, tr.pid)
	}
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := os.FileMode(0o644 &^ old); st.Mode() != want {
		t.Errorf("the file is %s, want %s", st.Mode(), want)
	}
	if names, err := filepath.Glob(path + "?*"); err != nil || len(names) > 0 {
		t.Errorf("beside it are %v, %v", names, err)
	}

	second := withPid(t, path, keys{"worker_type": "thread", "daemonize_error_exit_code": 9})
	second.complains(9, "pid_path", path, fmt.Sprintf("pid %d", tr.pid))
	if pid := pidIn(t, path); pid != tr.pid {
		t.Errorf("after a second start the file says %d", pid)
	}

	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file is still there")
	}
}

// A file of a process that is gone is taken over, whoever has its number now, and although
// what it had started still runs.
func TestStalePidFileIsTakenOver(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"of a process that runs": fmt.Sprintln(os.Getpid()), "of a pid that nobody has": "4194304\n", "of no number": "hello\n", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := adjusted(t, "web", keys{"worker_type": "thread"}, func(tr *tree, _ *exec.Cmd) {
				tr.configure(keys{"pid_path": tr.path("pid")})
				if err := os.WriteFile(tr.path("pid"), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			})
			tr.serving(2)
			if pid := pidIn(t, tr.path("pid")); pid != tr.pid {
				t.Errorf("the file says %d, the top is %d", pid, tr.pid)
			}
		})
	}
	t.Run("of a killed top whose workers drain", func(t *testing.T) {
		t.Parallel()
		first := withPid(t, "pid", keys{"worker_type": "process", "supervisor": true})
		first.serving(2)
		a, gate := first.hold()
		first.kill(first.pid, syscall.SIGKILL)
		first.gone()
		second := withPid(t, first.path("pid"), keys{"worker_type": "thread"})
		second.serving(2)
		if pid := pidIn(t, first.path("pid")); pid != second.pid {
			t.Errorf("the file says %d, the second top is %d", pid, second.pid)
		}
		gate.open()
		a.arrives("held by")
		first.allGone()
	})
}

func TestPidFileOfSomebodyElseStays(t *testing.T) {
	t.Parallel()
	tr := withPid(t, "pid", keys{"worker_type": "thread"})
	tr.serving(2)
	path := tr.path("pid")
	if err := os.WriteFile(path+".other", []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".other", path); err != nil {
		t.Fatal(err)
	}
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	if pid := pidIn(t, path); pid != 1 {
		t.Errorf("the file says %d", pid)
	}
	tr.silent("pid file")
}

// What is no file of ours is never followed or overwritten.
func TestPidFileIsNoLinkAndNoDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target, link := filepath.Join(dir, "precious"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	withPid(t, link, nil).complains(1, "pid_path", link)
	withPid(t, dir, nil).complains(1, "pid_path", dir)
	if b, err := os.ReadFile(target); err != nil || string(b) != "precious" {
		t.Errorf("behind the link: %q, %v", b, err)
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(names) != 2 {
		t.Errorf("left are %v, %v", names, err)
	}
}

// Of several that start at the same moment exactly one runs, with a file left behind by
// the one before and without.
func TestOneOfSeveralConcurrentStartsWins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pid")
	rounds := 4
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		var all []*tree
		for range 4 {
			all = append(all, withPid(t, path, keys{"worker_type": "thread", "workers": 1, "daemonize_error_exit_code": 9}))
		}
		winner := onlyWinner(t, all)
		if pid := pidIn(t, path); pid != winner.pid {
			t.Errorf("round %d: the file says %d, the winner is %d", round, pid, winner.pid)
		}
		for _, tr := range all {
			if tr != winner {
				tr.complains(9, "pid_path", fmt.Sprintf("pid %d", winner.pid))
			}
		}
		if round%2 == 0 {
			winner.kill(winner.pid, syscall.SIGKILL) // its file is stale in the next round
			winner.gone()
			continue
		}
		winner.signal(syscall.SIGTERM)
		winner.exits(0)
	}
}

// onlyWinner waits until all but one have ended, and that one serves.
func onlyWinner(t *testing.T, all []*tree) *tree {
	t.Helper()
	var running []*tree
	eventually(t, "all but one have ended", func() bool {
		running = nil
		for _, tr := range all {
			if tr.running() {
				running = append(running, tr)
			}
		}
		return len(running) < 2
	})
	if len(running) == 0 {
		t.Fatal("nobody has won")
	}
	running[0].serving(1)
	return running[0]
}
