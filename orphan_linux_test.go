package serverengine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// R3: the workers of a server that was killed finish what they have in hand, although
// nobody reads what they print, and are gone after orphan_timeout.
func TestWorkersOfAKilledServerFinishAndEnd(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2, keys{"orphan_timeout": "20s"})
	a := tr.asking("/slow?for=2s")
	tr.says("slow for 2s")
	tr.kill(tr.pid, syscall.SIGKILL)
	tr.gone()
	a.arrives("slow answer")
	began := time.Now()
	eventually(t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
	if d := time.Since(began); d > 15*time.Second {
		t.Errorf("workers without work took %s to end", d)
	}
}

func TestOrphanTimeoutEndsWorkersThatDoNot(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 2, keys{"orphan_timeout": "1s"})
	a, gate := tr.hold()
	defer gate.open()
	tr.kill(tr.pid, syscall.SIGKILL)
	tr.gone()
	a.breaks()
	eventually(t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
}

// No process but the top holds the other end of a worker's pipes: neither a sibling nor
// the worker itself keeps its life-line alive.
func TestOnlyTheTopHoldsTheLifeLines(t *testing.T) {
	t.Parallel()
	tr := serve(t, "process", 4)
	before := tr.serving(4)
	tr.kill(before[2].pid, syscall.SIGKILL) // so that one is younger than all others
	lives := tr.onlyReplaced(before, before[2])
	ends := pipeEnds(t, tr.family())
	for _, l := range lives {
		lines := 0
		for _, mine := range ends {
			if mine.pid != l.pid {
				continue
			}
			lines++
			others := 0
			for _, other := range ends {
				if other.inode != mine.inode || other.writes == mine.writes {
					continue
				}
				others++
				if other.pid != tr.pid {
					t.Errorf("pid %d holds the other end of descriptor %s of worker %d", other.pid, mine.fd, l.slot)
				}
			}
			if others == 0 {
				t.Errorf("nobody holds the other end of descriptor %s of worker %d", mine.fd, l.slot)
			}
		}
		if lines < 4 {
			t.Errorf("worker %d has %d pipes only: the test looks at the wrong things", l.slot, lines)
		}
	}
}

// pipeEnd is a descriptor of a pipe.
type pipeEnd struct {
	pid    int
	fd     string
	inode  string
	writes bool
}

// pipeEnds lists the ends of pipes between these processes. Left out are pipes that only
// one of them has, and those that came down from whoever runs the tests.
func pipeEnds(t *testing.T, pids []int) []pipeEnd {
	t.Helper()
	var all []pipeEnd
	holders := map[string]map[int]bool{}
	for _, pid := range pids {
		names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, name := range names {
			inode, err := os.Readlink(name)
			if err != nil || !strings.HasPrefix(inode, "pipe:") {
				continue
			}
			all = append(all, pipeEnd{pid, filepath.Base(name), inode, writable(t, pid, filepath.Base(name))})
			if holders[inode] == nil {
				holders[inode] = map[int]bool{}
			}
			holders[inode][pid] = true
		}
	}
	foreign := map[string]bool{}
	names, _ := filepath.Glob("/proc/self/fd/*")
	for _, name := range names {
		if inode, err := os.Readlink(name); err == nil {
			foreign[inode] = true
		}
	}
	var shared []pipeEnd
	for _, e := range all {
		if len(holders[e.inode]) > 1 && !foreign[e.inode] {
			shared = append(shared, e)
		}
	}
	return shared
}

func writable(t *testing.T, pid int, fd string) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if octal, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseInt(strings.TrimSpace(octal), 8, 64)
			if err != nil {
				t.Fatal(err)
			}
			return flags&syscall.O_ACCMODE != syscall.O_RDONLY
		}
	}
	t.Fatalf("no flags of descriptor %s", fd)
	return false
}

// A worker process runs the user's code over plain goroutines.
func TestWorkerProcessHasNoActorSystem(t *testing.T) {
	t.Parallel()
	tr := start(t, "looks around", keys{"worker_type": "process", "workers": 1})
	r := tr.says("these run here")
	if !strings.Contains(r.line, "workers.RunChild") {
		t.Fatalf("these are not the stacks of a worker process: %s", r.line)
	}
	if strings.Contains(r.line, "protoactor") {
		t.Errorf("there are actors in a worker process: %s", r.line)
	}
	var seen struct{ Mallocs int }
	r.decode(t, &seen)
	if most := 30000; seen.Mallocs > most { // an actor system alone makes 66000
		t.Errorf("a worker process has made %d allocations before its Run, at most %d are wanted", seen.Mallocs, most)
	}
	t.Logf("%d allocations up to Run", seen.Mallocs)
}
