package serverengine_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// commandLine is what ps shows of a process.
func commandLine(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // gone, at worst
	return strings.TrimRight(strings.ReplaceAll(string(b), "\x00", " "), " ")
}

// R12: worker_process_name is reloadable, in workers that run and in those to come.
func TestR12WorkerProcessNameIsReloadable(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 2, keys{"worker_process_name": "web worker %d", "server_process_name": "web server"})
	before := tr.serving(2)
	for slot, l := range before {
		if got, want := commandLine(l.pid), fmt.Sprintf("web worker %d", slot); !strings.HasPrefix(got, want) {
			t.Errorf("worker %d is called %q, want %q", slot, got, want)
		}
	}
	if got := commandLine(tr.generation(1).pid); !strings.HasPrefix(got, "web server") {
		t.Errorf("the server is called %q", got)
	}
	tr.configure(keys{"worker_process_name": "renamed worker %d"})
	tr.signal(syscall.SIGUSR2)
	for slot, l := range before {
		tr.saysOf(l.incarnation, "reloaded")
		want := fmt.Sprintf("renamed worker %d", slot)
		eventually(t, "worker is called "+want, func() bool { return strings.HasPrefix(commandLine(l.pid), want) })
	}
	tr.same(before)
	tr.kill(before[1].pid, syscall.SIGKILL)
	after := tr.replaced(map[int]life{1: before[1]})
	if got := commandLine(after[1].pid); !strings.HasPrefix(got, "renamed worker 1") {
		t.Errorf("the next worker is called %q", got)
	}
}

// Each level holds the life-lines of the level below alone: those of the server belong to
// the supervisor, those of the workers to their server. What else a worker writes is read
// by the top.
func TestOnlyTheParentHoldsALifeLine(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 3)
	tr.signal(syscall.SIGINT) // so that two servers have been there
	server := tr.generation(2)
	tr.ends(1)
	tr.kill(tr.serving(3)[1].pid, syscall.SIGKILL) // one worker is younger than its siblings
	eventually(t, "worker 1 is replaced", func() bool { return tr.lives()[1].incarnation == "2.1.2" })
	level := map[int]string{tr.pid: "the supervisor", server.pid: "the server"}
	for slot, l := range tr.serving(3) {
		level[l.pid] = fmt.Sprintf("worker %d", slot)
	}
	ends := pipeEnds(t, tr.family())
	for _, mine := range ends {
		for _, other := range ends {
			if other.inode != mine.inode || other.writes == mine.writes {
				continue
			}
			if a, b := level[mine.pid], level[other.pid]; strings.HasPrefix(a, "worker") && strings.HasPrefix(b, "worker") {
				t.Errorf("%s and %s hold the two ends of %s", a, b, mine.inode)
			}
			if mine.pid == other.pid {
				t.Errorf("%s holds both ends of %s", level[mine.pid], mine.inode)
			}
		}
	}
	if len(ends) < 12 {
		t.Errorf("%d ends of pipes: the test looks at the wrong things", len(ends))
	}
}
