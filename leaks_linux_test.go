package serverengine_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A thousand reloads, each of them applied by the workers, leave nothing behind, neither in
// the top nor in the server nor in a worker.
func TestReloadsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	reloads := 1000
	if testing.Short() || raceEnabled {
		reloads = 100
	}
	tr := inItsFolder(t, "turns", keys{"worker_type": "process", "workers": 2, "supervisor": true, "message": "first"})
	pids := map[string]int{"the top": tr.pid, "the server": tr.generation(1).pid, "a worker": tr.serving(2)[0].pid}
	tr.reloads(20) // what is made once is there
	before := map[string]usage{}
	for who, pid := range pids {
		before[who] = tr.usage(pid)
	}
	tr.reloads(reloads)
	for who, pid := range pids {
		tr.givesBack(pid, before[who], fmt.Sprintf("%d reloads of %s", reloads, who))
	}
}

// Restarts of workers, with their sockets, leave nothing behind in the process that starts
// them, nor in the top.
func TestRestartsLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	for typ, restarts := range map[string]int{"embedded": 1000, "thread": 1000, "process": 1000} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			if testing.Short() || raceEnabled {
				restarts /= 10
			}
			tr := inItsFolder(t, "turns", keys{"worker_type": typ, "workers": 1, "supervisor": true, "restart_strategy": "rolling",
				"worker_ready_after": 0, "drain_wait": 0})
			tr.serving(1)
			tr.restarts(20) // what is made once is there
			server := tr.generation(1).pid
			top, of := tr.usage(tr.pid), tr.usage(server)
			tr.restarts(restarts)
			tr.givesBack(tr.pid, top, fmt.Sprintf("%d restarts below the top", restarts))
			tr.givesBack(server, of, fmt.Sprintf("%d restarts of the server's worker", restarts))
		})
	}
}

// restarts restarts all workers n times.
func (tr *tree) restarts(n int) {
	tr.t.Helper()
	const finished = "graceful restart finished"
	for range n {
		before := count(tr.log.read(), finished)
		tr.signal(syscall.SIGUSR1)
		eventually(tr.t, "the restart is finished", func() bool { return count(tr.log.read(), finished) > before })
	}
}

// Servers that are replaced, end and die leave nothing behind in the supervisor.
func TestServersLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	servers := 150
	if testing.Short() || raceEnabled {
		servers = 21
	}
	tr := inItsFolder(t, "turns", keys{"worker_type": "process", "workers": 1, "supervisor": true, "server_restart_wait": 0, "restart_backoff": 0,
		"drain_wait": 0, "max_restarts": 0})
	tr.mayLeaveOrphans()
	tr.servers(1, 10) // what is made once is there
	before := tr.usage(tr.pid)
	tr.servers(10, 10+servers)
	tr.givesBack(tr.pid, before, fmt.Sprintf("%d servers", servers))
}

// servers has one server after the other replaced by a live restart, ended or killed.
func (tr *tree) servers(from, to int) {
	tr.t.Helper()
	for number := from; number < to; number++ {
		pid := tr.generation(number).pid
		switch number % 3 {
		case 0:
			tr.signal(syscall.SIGINT)
		case 1:
			tr.kill(pid, syscall.SIGKILL)
		case 2:
			tr.kill(pid, syscall.SIGTERM)
		}
		tr.generation(number + 1)
		tr.ends(number)
	}
}

// inItsFolder starts a tree that makes its temporary files in its folder, where usage counts
// them.
func inItsFolder(t *testing.T, role string, settings keys) *tree {
	t.Helper()
	return startWith(t, role, settings, launch{adjust: func(tr *tree, cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "TMPDIR="+tr.dir) }})
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
	dump := tr.nextDump(pid)
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

// nextDump has a process write a dump. Each is whole when the log tells of it, and they stand
// in the order in which the log tells of them. There may be others behind it: the top's has
// every process below write one.
func (tr *tree) nextDump(pid int) string {
	tr.t.Helper()
	written := "dump written to " + tr.dumpPath(pid)
	before := count(tr.log.read(), written)
	tr.kill(pid, syscall.SIGCONT)
	eventually(tr.t, "there is another dump", func() bool { return count(tr.log.read(), written) > before })
	b, err := os.ReadFile(tr.dumpPath(pid))
	if err != nil {
		tr.t.Fatal(err)
	}
	return strings.Split(string(b), "Sigdump of pid ")[before+1]
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
