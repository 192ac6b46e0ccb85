//go:build unix

package serverengine_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// hostApp is the App of tests that are host programs themselves.
func hostApp() serverengine.App {
	app := webApp()
	app.Name = "host"
	return app
}

// hostApps are all Apps of this host program.
func hostApps() []serverengine.App {
	return []serverengine.App{hostApp(), talkerApp(), spawnApp(), {Name: "no ear", Worker: serverengine.Func(waits)}}
}

// host is an engine in an actor system of the test's own.
type host struct {
	*tree
	system *actor.ActorSystem
	engine *actor.PID

	mu     sync.Mutex
	events []messages.Event
}

// newHost starts an engine by Props. The tree's harness reads its log; the test's end
// stops it.
func newHost(t *testing.T, settings keys) *host {
	t.Helper()
	return newHostOf(t, hostApp(), settings)
}

// newHostOf is newHost with an App of hostApps.
func newHostOf(t *testing.T, app serverengine.App, settings keys) *host {
	t.Helper()
	tr := &tree{t: t, dir: t.TempDir(), pid: os.Getpid()}
	tr.settings = keys{
		"log": tr.path("log"), "log_format": "json", "log_rotate_age": 0, "sigdump_dir": tr.dir,
		"workers": 2, "address": "127.0.0.1:0", "message": "one",
	}
	tr.configure(settings)
	tr.log = &logReader{path: tr.path("log")}
	tr.stderr = tr.path("stderr")
	h := &host{tree: tr}
	h.system = serverengine.SilentSystem()
	h.system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(messages.Event); ok {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.events = append(h.events, e)
		}
	})
	var err error
	source := serverengine.FromFile(tr.path("config.yml"), serverengine.Default())
	if h.engine, err = h.system.Root.SpawnNamed(serverengine.Props(app, source), "engine"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.end)
	return h
}

// end stops the engine and wants all its processes to be gone.
func (h *host) end() {
	if !h.ended() {
		h.system.Root.Send(h.engine, messages.Stop{Mode: messages.Graceful, Reason: "the test ends"})
		eventually(h.t, "the engine has stopped", h.ended)
	}
	for _, r := range h.log.read() {
		if r.WorkerPid > 0 && !errors.Is(syscall.Kill(r.WorkerPid, 0), syscall.ESRCH) {
			h.t.Errorf("worker process %d is left", r.WorkerPid)
			_ = syscall.Kill(r.WorkerPid, syscall.SIGKILL) // it is our child, and to be gone
		}
	}
	h.checkOutput()
	if h.t.Failed() {
		h.show()
	}
}

// ended reports whether the engine's actor is gone.
func (h *host) ended() bool {
	_, alive := h.system.ProcessRegistry.GetLocal("engine")
	return !alive
}

func (h *host) send(c messages.Command) {
	h.log.mark()
	h.system.Root.Send(h.engine, c)
}

// request waits for the engine's answer.
func (h *host) request(c messages.Command) any {
	h.t.Helper()
	answer, err := h.system.Root.RequestFuture(h.engine, c, patience).Result()
	if err != nil {
		h.t.Fatalf("%s: %v", c, err)
	}
	return answer
}

func (h *host) status() messages.Status {
	h.t.Helper()
	s, ok := h.request(messages.GetStatus{}).(messages.Status)
	if !ok {
		h.t.Fatal("the answer is no Status")
	}
	return s
}

// wants waits for a Status for which this holds.
func (h *host) wants(what string, holds func(messages.Status) bool) messages.Status {
	h.t.Helper()
	var s messages.Status
	eventually(h.t, "status: "+what, func() bool {
		s = h.status()
		return holds(s)
	})
	return s
}

func (h *host) ready(n int) messages.Status {
	h.t.Helper()
	return h.wants(fmt.Sprintf("%d workers are ready", n), func(s messages.Status) bool {
		return s.State == "running" && s.Ready == n && len(s.Servers[0].Workers) == n
	})
}

func (h *host) seen() []messages.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events)
}

// sees waits for an event.
func sees[E messages.Event](h *host, what string, match func(E) bool) E {
	h.t.Helper()
	var found E
	eventually(h.t, "event: "+what, func() bool {
		for _, e := range h.seen() {
			if e, ok := e.(E); ok && match(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// fails wants an error as the answer to an Ask.
func (h *host) fails(ask messages.Ask, want error, text string) {
	h.t.Helper()
	err, ok := h.request(ask).(error)
	if !ok {
		h.t.Errorf("%s %v: no error", ask, ask.Body)
		return
	}
	if want != nil && !errors.Is(err, want) {
		h.t.Errorf("%s: %v, want %v", ask, err, want)
	}
	if text != "" && !contains(err.Error(), text) {
		h.t.Errorf("%s: %v, want %q", ask, err, text)
	}
}

// hostKeys are the settings of a host's story in one worker type.
func hostKeys(typ string, more keys) keys {
	settings := keys{"worker_type": typ, "restart_backoff": 0, "worker_graceful_kill_timeout": time.Minute.String()}
	for k, v := range more {
		settings[k] = v
	}
	return settings
}
