package serverengine_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// TestDumpOfEveryProcess looks at what the dump signal leaves: a file for each process, of
// its owner alone, with what somebody who looks for a fault wants to see.
func TestDumpOfEveryProcess(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", keys{"worker_type": "process", "supervisor": true})
	lives := tr.serving(2)
	tr.says("server ready")
	server := tr.serverPid()
	tr.signal(syscall.SIGCONT)
	for _, pid := range []int{tr.pid, server, lives[0].pid, lives[1].pid} {
		text := tr.dumpOf(pid)
		for _, want := range []string{
			fmt.Sprintf(`^Sigdump of pid %d at \d{4}-\d\d-\d\dT`, pid), `(?m)^Memory: \d+ bytes in use on the heap, \d+ bytes from the system`,
			`(?m)^Collections: \d+, paused for `, `(?m)^Goroutines: \d+$`, `(?m)^goroutine \d+ \[running\]:$`, `(?m)^goroutine \d+ \[.*(chan|select|sleep|syscall|IO).*\]:$`,
		} {
			if !regexp.MustCompile(want).MatchString(text) {
				t.Errorf("the dump of %d lacks %s", pid, want)
			}
		}
		if st, err := os.Lstat(tr.dumpPath(pid)); err != nil || st.Mode() != 0o600 {
			t.Errorf("the dump of %d: %v, %v", pid, st, err)
		}
	}
	tree := tr.dumpOf(tr.pid)
	for _, want := range []string{
		fmt.Sprintf("web (pid %d): running, configuration 1, 2 of 2 workers ready", tr.pid), fmt.Sprintf("server 1 (pid %d): ready", server),
		fmt.Sprintf("worker 0, 1.0.1 (pid %d): ready", lives[0].pid), fmt.Sprintf("worker 1, 1.1.1 (pid %d): ready", lives[1].pid),
	} {
		if !strings.Contains(tree, want) {
			t.Errorf("the tree lacks %q", want)
		}
	}
	tr.signal(syscall.SIGCONT)
	if text := tr.dumpOf(tr.pid); !strings.HasPrefix(text, tree) || strings.Count(text, "Sigdump of pid") != 2 {
		t.Error("a second dump is not appended to the first")
	}
	tr.same(lives)
}

// A heap profile is what go tool pprof reads: a gzipped protocol buffer that knows its
// sample types.
func TestDumpWithAHeapProfile(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", keys{"worker_type": "process", "workers": 1, "sigdump_heap": true})
	worker := tr.serving(1)[0].pid
	for range 2 { // the second replaces the first
		tr.signal(syscall.SIGCONT)
		for _, pid := range []int{tr.pid, worker} {
			tr.dumpOf(pid)
			path := tr.dumpPath(pid) + ".heap"
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			st, err := f.Stat()
			if err != nil || st.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", path, st.Mode(), err)
			}
			z, err := gzip.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			z.Multistream(false)
			profile, err := io.ReadAll(z)
			if err != nil || !strings.Contains(string(profile), "inuse_space") {
				t.Errorf("%s is no heap profile: %d bytes, %v", path, len(profile), err)
			}
			if rest, err := io.ReadAll(f); err != nil || len(rest) > 0 {
				t.Errorf("behind the profile are %d bytes, %v", len(rest), err)
			}
		}
	}
}

// In a directory that others may write, what they have put in the file's place is not
// touched.
func TestDumpIntoSomebodyElsesFileIsRefused(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", keys{"worker_type": "thread"})
	tr.serving(2)
	path, target := tr.dumpPath(tr.pid), tr.path("precious")
	refused := func(why string) {
		t.Helper()
		tr.signal(syscall.SIGCONT)
		if r := tr.says("dump: dump file: "); r.Level != "error" || !strings.Contains(r.Msg, why) || !strings.Contains(r.Msg, path) {
			t.Errorf("a dump is refused with %s, want %q", r.line, why)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(target, []byte("precious"), 0o600))
	must(os.Symlink(target, path))
	refused("a link in its place is not followed")
	must(os.Link(target, path))
	refused("belongs to somebody else")
	must(syscall.Mkfifo(path, 0o600))
	refused(path)
	must(os.Mkdir(path, 0o700))
	refused(path)
	if os.Geteuid() == 0 {
		must(os.WriteFile(path, nil, 0o666))
		must(os.Chown(path, 65534, 65534))
		refused("belongs to somebody else")
	}
	if b, err := os.ReadFile(target); err != nil || string(b) != "precious" {
		t.Errorf("the file of somebody else: %q, %v", b, err)
	}
	tr.signal(syscall.SIGCONT)
	tr.dumpOf(tr.pid)
}

// A service manager sends CONT after its TERM.
func TestDumpIsIgnoredOnceAStopHasBegun(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr := start(t, "web", keys{"worker_type": "process", "supervisor": supervisor})
		lives := tr.serving(2)
		tr.says("server ready")
		a, gate := tr.hold()
		busy := tr.holder(lives)
		pids := []int{tr.pid, busy.pid}
		if supervisor {
			pids = append(pids, tr.serverPid())
		}
		tr.signal(syscall.SIGTERM)
		tr.saysOf(busy.incarnation, "Stop was called")
		tr.signal(syscall.SIGCONT)
		tr.says("signal CONT: dump")
		for _, pid := range pids[1:] {
			tr.kill(pid, syscall.SIGCONT)
		}
		gate.open()
		a.arrives("held by")
		tr.exits(0)
		for _, pid := range pids {
			if _, err := os.Stat(tr.dumpPath(pid)); err == nil {
				t.Errorf("%d has written a dump", pid)
			}
		}
	})
}

// A host program has no signals of ours, and asks by a message.
func TestDumpOfAHostByAMessage(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		status := h.ready(2)
		h.send(messages.Dump{})
		if text := h.dumpOf(h.pid); !strings.Contains(text, "host (pid ") || !strings.Contains(text, "goroutine ") {
			t.Errorf("the host's dump is %q", text)
		}
		if typ == "process" {
			for _, w := range status.Servers[0].Workers {
				h.dumpOf(w.Pid)
			}
		}
	})
}

// A worker whose Dump waits for what holds it up still has its stacks dumped, and again.
func TestDumpOfAWorkerWhoseDumpHangs(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"process", "thread"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tr := start(t, "hangs in Dump", keys{"worker_type": typ, "workers": 1})
			pid := tr.says("up").Pid
			for range 2 {
				if dump := tr.nextDump(pid); !strings.Contains(dump, "[running]:") {
					t.Errorf("no stacks: %q", dump)
				}
			}
			tr.signal(syscall.SIGTERM)
			tr.exits(0)
		})
	}
}

// hangsInDump waits in Dump for a mutex that Run holds.
type hangsInDump struct{ mu sync.Mutex }

func (h *hangsInDump) Run(ctx context.Context, self *serverengine.Self) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	self.Logger().Info("up")
	<-ctx.Done()
	return nil
}

func (h *hangsInDump) Dump(io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
}

func init() {
	roles["hangs in Dump"] = func() {
		run(serverengine.App{Worker: func(*serverengine.Self) (serverengine.Worker, error) { return &hangsInDump{}, nil }})
	}
}
