package serverengine_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A thousand reloads, each of them applied by the workers, leave nothing behind, neither in
// the top nor in a worker.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	reloads := 1000
	if testing.Short() || raceEnabled {
		reloads = 100
	}
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 2, "supervisor": true, "message": "first"})
	worker := tr.serving(2)[0].pid
	tr.reloads(20) // what is made once is there
	top, of := tr.usage(tr.pid), tr.usage(worker)
	tr.reloads(reloads)
	tr.givesBack(tr.pid, top, fmt.Sprintf("%d reloads of the top", reloads))
	tr.givesBack(worker, of, fmt.Sprintf("%d reloads of a worker", reloads))
}

// reloads changes the configuration n times; each is applied before the next.
func (tr *tree) reloads(n int) {
	tr.t.Helper()
	const applied = "configuration: message"
	for range n {
		before := count(tr.log.read(), applied)
		tr.configure(keys{"message": fmt.Sprint("message ", before)})
		tr.signal(syscall.SIGUSR2)
		eventually(tr.t, "the reload is applied", func() bool { return count(tr.log.read(), applied) > before })
	}
}

// usage is what a process holds that work done could leave behind.
type usage struct {
	descriptors, goroutines, zombies int
	files                            int // in the tree's folder
	heap                             int // bytes in use
}

// heapSlack is what the heap in use may differ by for where the collector is: less than 8 KiB
// for each of a thousand rounds.
const heapSlack = 8 << 20

// givesBack waits until a process has no more than before.
func (tr *tree) givesBack(pid int, before usage, after string) {
	tr.t.Helper()
	var now usage
	defer func() { tr.t.Logf("before %+v, after %s %+v", before, after, now) }()
	eventually(tr.t, "what "+after+" needed is given back", func() bool {
		now = tr.usage(pid)
		return now.zombies == 0 && now.descriptors <= before.descriptors && now.goroutines <= before.goroutines &&
			now.files <= before.files && now.heap <= before.heap+heapSlack
	})
}

var heapInUse = regexp.MustCompile(`Memory: (\d+) bytes in use`)

// usage looks at a process; goroutines and memory are from a dump.
func (tr *tree) usage(pid int) usage {
	tr.t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(fds) == 0 {
		tr.t.Fatalf("descriptors of %d: %v", pid, err)
	}
	written := "dump written to " + tr.dumpPath(pid)
	dumps := count(tr.log.read(), written)
	_ = os.Remove(tr.dumpPath(pid)) // there is none before the first
	tr.kill(pid, syscall.SIGCONT)
	eventually(tr.t, "there is another dump", func() bool { return count(tr.log.read(), written) > dumps })
	dump := tr.dumpOf(pid)
	found := heapInUse.FindStringSubmatch(dump)
	if found == nil {
		tr.t.Fatalf("no memory in the dump of %d", pid)
	}
	heap, err := strconv.Atoi(found[1])
	if err != nil {
		tr.t.Fatal(err)
	}
	return usage{
		descriptors: len(fds), goroutines: strings.Count(dump, "\ngoroutine "), zombies: zombies(pid),
		files: tr.files(), heap: heap,
	}
}

// files counts those in the tree's folder, but the dumps.
func (tr *tree) files() (n int) {
	tr.t.Helper()
	err := filepath.WalkDir(tr.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err == nil && !strings.HasPrefix(d.Name(), "sigdump-") {
			n++
		}
		return err
	})
	if err != nil {
		tr.t.Fatal(err)
	}
	return n
}

// zombies are dead children of a process that it has not reaped.
func zombies(parent int) int {
	n := 0
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // gone meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		var state string
		var of int
		if _, err := fmt.Sscan(rest, &state, &of); err == nil && state == "Z" && of == parent {
			n++
		}
	}
	return n
}
