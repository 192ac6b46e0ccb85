//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// patience bounds every wait of these tests.
const patience = 60 * time.Second

// exampleVar makes the test binary the example itself.
const exampleVar = "SPAWN_EXAMPLE_TEST_MAIN"

var app = serverengine.App{Name: "example", Spawn: command}

// TestMain is a host program, whose keepers end in Init, or the example.
func TestMain(m *testing.M) {
	if os.Getenv(exampleVar) != "" {
		main()
	}
	serverengine.Init(app)
	os.Exit(m.Run())
}

func needsPython(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
}

// eventually polls for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// host runs the example's workers in an engine of the test's own.
type host struct {
	t      *testing.T
	system *actor.ActorSystem
	engine *actor.PID
	log    string // path

	mu     sync.Mutex
	exited []messages.WorkerExited
}

func newHost(t *testing.T, change func(*serverengine.Config)) *host {
	t.Helper()
	needsPython(t)
	h := &host{t: t, log: filepath.Join(t.TempDir(), "log")}
	cfg := serverengine.Default()
	cfg.WorkerType, cfg.Workers, cfg.Log = serverengine.Spawn, 2, h.log
	cfg.WorkerReadyAfter, cfg.RestartBackoff = 10*time.Millisecond, 0
	change(&cfg)
	h.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler)
	}))
	h.system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(messages.WorkerExited); ok {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.exited = append(h.exited, e)
		}
	})
	var err error
	if h.engine, err = h.system.Root.SpawnNamed(serverengine.Props(app, cfg), "engine"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.stop()
		if t.Failed() {
			b, _ := os.ReadFile(h.log)
			t.Logf("%s", b)
		}
	})
	return h
}

// stop waits for the end of the engine.
func (h *host) stop() {
	h.t.Helper()
	h.system.Root.Send(h.engine, messages.Stop{Mode: messages.Graceful, Reason: "the test ends"})
	eventually(h.t, "the engine has stopped", func() bool {
		_, alive := h.system.ProcessRegistry.GetLocal("engine")
		return !alive
	})
}

func (h *host) request(c messages.Command) any {
	h.t.Helper()
	answer, err := h.system.Root.RequestFuture(h.engine, c, patience).Result()
	if err != nil {
		h.t.Fatalf("%s: %v", c, err)
	}
	return answer
}

// python waits until the Python worker is in a state for which this holds.
func (h *host) python(what string, holds func(messages.WorkerStatus) bool) messages.WorkerStatus {
	h.t.Helper()
	var found messages.WorkerStatus
	eventually(h.t, "the Python worker "+what, func() bool {
		s, ok := h.request(messages.GetStatus{}).(messages.Status)
		if !ok || len(s.Servers) != 1 {
			return false
		}
		for _, w := range s.Servers[0].Workers {
			if w.Incarnation.Slot == 1 && w.State == "ready" && holds(w) {
				found = w
				return true
			}
		}
		return false
	})
	return found
}

func ready(messages.WorkerStatus) bool { return true }

// exit is how a life ended, once it did.
func (h *host) exit(i messages.Incarnation) messages.WorkerExited {
	h.t.Helper()
	var found messages.WorkerExited
	eventually(h.t, i.String()+" has ended", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range h.exited {
			if e.Incarnation == i {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// The Python program is ready when it says so, answers, sees configurations and beats.
func TestPythonWorkerIsAFullWorker(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(c *serverengine.Config) { c.WorkerHeartbeatTimeout = 6 * time.Second })
	before := h.python("is ready", ready)
	for _, text := range []string{"hello", "", strings.Repeat("long ", 20000)} {
		answer, ok := h.request(messages.Ask{Slot: 1, Body: []byte(text)}).([]byte)
		if !ok || string(answer) != strings.ToUpper(text) {
			t.Errorf("the answer to %d bytes is %.80q", len(text), answer)
		}
	}
	h.system.Root.Send(h.engine, messages.Tell{Slot: 1, Body: []byte("just so you know")})
	applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied)
	if !ok {
		t.Fatalf("reload: %+v", applied)
	}
	h.python("has seen the configuration", func(w messages.WorkerStatus) bool { return w.ConfigVersion == applied.Version })
	now := h.python("is old", func(w messages.WorkerStatus) bool { return w.Age > 7*time.Second })
	if now.Incarnation != before.Incarnation {
		t.Errorf("%s was replaced by %s, although it beats", before.Incarnation, now.Incarnation)
	}
	h.stop()
	for _, i := range []messages.Incarnation{{Generation: 1, Slot: 0, Life: 1}, now.Incarnation} {
		if e := h.exit(i); !e.Expected || !e.Exit.Ok() {
			t.Errorf("%s ended with %+v", i, e)
		}
	}
}

func TestKilledPythonWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(*serverengine.Config) {})
	before := h.python("is ready", ready)
	if err := syscall.Kill(before.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if e := h.exit(before.Incarnation); e.Expected || e.Exit.Signal != "KILL" || e.Pid != before.Pid {
		t.Errorf("it ended with %+v", e)
	}
	h.python("is replaced", func(w messages.WorkerStatus) bool { return w.Incarnation.Life == 2 })
}

// One that does not beat any more is ended, and another one takes its place.
func TestStoppedPythonWorkerIsReplaced(t *testing.T) {
	t.Parallel()
	h := newHost(t, func(c *serverengine.Config) {
		c.WorkerHeartbeatTimeout, c.WorkerImmediateKillTimeout = 3*time.Second, 500*time.Millisecond
	})
	before := h.python("is ready", ready)
	if err := syscall.Kill(before.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if e := h.exit(before.Incarnation); e.Expected || !strings.Contains(e.Exit.Detail, "no heartbeat for") {
		t.Errorf("it ended with %+v", e)
	}
	h.python("is replaced", func(w messages.WorkerStatus) bool { return w.Incarnation.Life > 1 })
}

// example is the program of this folder, as a person would start it.
type example struct {
	*exec.Cmd
	ended  chan struct{}
	output string // path
}

func startExample(t *testing.T) *example {
	t.Helper()
	needsPython(t)
	e := &example{Cmd: exec.Command(os.Args[0]), ended: make(chan struct{}), output: filepath.Join(t.TempDir(), "output")}
	f, err := os.Create(e.output)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e.Env = append(os.Environ(), exampleVar+"=1", "SERVERENGINE_CONFIG_ORPHAN_TIMEOUT=5", "SERVERENGINE_SOCKETMANAGER_SOCK_DIR="+t.TempDir())
	e.Stdout, e.Stderr = f, f
	e.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.Wait() // its state is looked at where it matters
		close(e.ended)
	}()
	t.Cleanup(func() {
		_ = e.Process.Kill() // it has ended, at best
		<-e.ended
		if t.Failed() {
			t.Logf("%s", e.text())
		}
	})
	return e
}

func (e *example) text() []byte {
	b, _ := os.ReadFile(e.output)
	return b
}

func (e *example) wait(t *testing.T) {
	t.Helper()
	eventually(t, "the example has ended", func() bool {
		select {
		case <-e.ended:
			return true
		default:
			return false
		}
	})
}

var atWork = map[string]*regexp.Regexp{
	"shell":  regexp.MustCompile(`Awesome work! worker=0 pid=(\d+)`),
	"Python": regexp.MustCompile(`Awesome work! incarnation 1\.1\.1 pid (\d+)`),
}

// works waits until both workers do, and returns their pids.
func (e *example) works(t *testing.T) map[string]int {
	t.Helper()
	pids := map[string]int{}
	for name, line := range atWork {
		eventually(t, "the "+name+" worker works", func() bool {
			m := line.FindSubmatch(e.text())
			if m == nil {
				return false
			}
			pids[name], _ = strconv.Atoi(string(m[1]))
			return true
		})
	}
	return pids
}

func TestExampleStopsByTerm(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	e.works(t)
	if err := e.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	e.wait(t)
	if code := e.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"shell worker ends", "has stopped"} {
		if !bytes.Contains(e.text(), []byte(want)) {
			t.Errorf("the output lacks %q", want)
		}
	}
}

func TestWorkersDoNotOutliveAKilledExample(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	pids := e.works(t)
	if err := e.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	e.wait(t)
	for name, pid := range pids {
		eventually(t, fmt.Sprintf("the %s worker %d is gone", name, pid), func() bool { return gone(pid) })
	}
}

// gone reports whether a process has ended. One that nobody has reaped yet has, too.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && bytes.Contains(b, []byte(") Z "))
}
