//go:build unix

package serverengine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// newSupervisedHost is a host program whose engine is a supervisor.
func newSupervisedHost(t *testing.T, more keys) *host {
	t.Helper()
	settings := hostKeys("process", keys{"supervisor": true, "server_restart_wait": "50ms"})
	for k, v := range more {
		settings[k] = v
	}
	var h *host
	t.Cleanup(func() { // after the engine's end
		eventually(t, "all processes are gone", func() bool { return !h.anyLeft() })
	})
	h = newHost(t, settings)
	return h
}

// anyLeft reports whether a process lives that the log tells of.
func (h *host) anyLeft() bool {
	for _, g := range h.generations() {
		if syscall.Kill(g.pid, 0) == nil {
			return true
		}
	}
	for _, r := range h.log.read() {
		if r.WorkerPid > 0 && syscall.Kill(r.WorkerPid, 0) == nil {
			return true
		}
	}
	return false
}

func TestHostSupervisesByMessages(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, nil)
	s := h.ready(2)
	if len(s.Servers) != 1 || s.Servers[0].Generation != 1 || s.Servers[0].Pid == h.pid || s.Servers[0].State != "ready" {
		t.Fatalf("status %+v", s)
	}
	sees(h, "server 1 is ready", func(e messages.ServerReady) bool { return e.Generation == 1 })

	h.send(messages.Restart{Mode: messages.Graceful})
	sees(h, "the restart is over", func(e messages.RestartFinished) bool { return e.Reason == "" })
	h.wants("the workers are new", func(s messages.Status) bool {
		return s.Ready == 2 && len(s.Servers[0].Workers) == 2 && s.Servers[0].Workers[0].Incarnation.Life == 2
	})

	h.send(messages.Scale{Workers: 3})
	h.ready(3)
	h.configure(keys{"message": "two"})
	if applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied); !ok || len(applied.Changes) != 1 {
		t.Errorf("reload: %+v", applied)
	}
	h.wants("all work with the new configuration", func(s messages.Status) bool {
		for _, w := range s.Servers[0].Workers {
			if w.ConfigVersion != s.ConfigVersion {
				return false
			}
		}
		return true
	})

	h.send(messages.Stop{Mode: messages.Graceful, Reason: "enough"})
	eventually(t, "the engine has stopped", h.ended)
	events := h.seen()
	if last, ok := events[len(events)-1].(messages.ServerExited); !ok || last.Generation != 0 || !last.Exit.Ok() {
		t.Errorf("the last event is %#v", events[len(events)-1])
	}
}

func TestHostAsksAndTellsThroughASupervisor(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, nil)
	h.ready(2)
	for slot := range 2 {
		reply, ok := h.request(messages.Ask{Slot: slot, Body: greeting{Name: "me"}}).(greeting)
		if !ok || !strings.Contains(reply.Name, fmt.Sprintf("by worker %d", slot)) {
			t.Errorf("slot %d replied %+v", slot, reply)
		}
		h.send(messages.Tell{Slot: slot, Body: greeting{Name: "a host"}})
		h.says("greeted by a host")
	}
	h.fails(messages.Ask{Body: []byte("fail")}, nil, "no luck")
	h.fails(messages.Ask{Slot: 7, Body: []byte("x")}, nil, "no worker of slot 7 is ready")
}

func TestHostLiveRestart(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, nil)
	old := h.ready(2).Servers[0]
	a, gate := h.hold()
	h.send(messages.LiveRestart{})
	s := h.wants("the new server serves, the old one drains", func(s messages.Status) bool {
		return len(s.Servers) == 2 && s.Servers[1].State == "ready" && s.Servers[0].State == "draining"
	})
	if s.Servers[1].Pid == old.Pid || s.State != "running" {
		t.Errorf("status %+v", s)
	}
	reply, ok := h.request(messages.Ask{Slot: 0, Body: greeting{Name: "me"}}).(greeting)
	var pid int
	for _, w := range s.Servers[1].Workers {
		if w.Incarnation.Slot == 0 {
			pid = w.Pid
		}
	}
	if !ok || !strings.HasSuffix(reply.Name, fmt.Sprintf("of pid %d", pid)) {
		t.Errorf("%q replied, not the new server's worker of pid %d", reply.Name, pid)
	}
	gate.open()
	a.arrives("held by life=1.")
	e := sees(h, "the old server has ended", func(e messages.ServerExited) bool { return e.Generation == 1 })
	if !e.Expected || !e.Exit.Ok() || e.Pid != old.Pid {
		t.Errorf("event %+v", e)
	}
	h.wants("one server is left", func(s messages.Status) bool { return len(s.Servers) == 1 && s.Servers[0].Generation == 2 })
}

func TestHostSeesTheCrashOfAServer(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, nil)
	h.ready(2)
	h.send(messages.Scale{Workers: 3})
	old := h.ready(3).Servers[0]
	h.kill(old.Pid, syscall.SIGKILL)
	e := sees(h, "the server has ended", func(e messages.ServerExited) bool { return e.Generation == 1 })
	if e.Expected || e.Exit.Signal != "KILL" || e.Pid != old.Pid {
		t.Errorf("event %+v", e)
	}
	s := h.ready(3)
	eventually(t, "the old workers have finished", func() bool {
		for _, w := range old.Workers {
			if syscall.Kill(w.Pid, 0) == nil {
				return false
			}
		}
		return true
	})
	if s.Servers[0].Generation != 2 || s.Servers[0].Pid == old.Pid || s.Servers[0].Pid == h.pid {
		t.Errorf("status %+v", s)
	}
}

// A raised worker_max_message_size counts for workers started from then on, also below a
// server that is older.
func TestLargerMessagesBelowAnOldServer(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, keys{"worker_max_message_size": 1000, "workers": 1})
	h.ready(1)
	const size = 20 << 20 // more than any room that is left beside 1000 bytes
	h.configure(keys{"worker_max_message_size": size})
	h.send(messages.Restart{Mode: messages.Graceful})
	sees(h, "the restart is over", func(e messages.RestartFinished) bool { return e.Reason == "" })
	h.wants("the worker is new", func(s messages.Status) bool {
		return s.Ready == 1 && len(s.Servers[0].Workers) == 1 && s.Servers[0].Workers[0].Incarnation.Life == 2
	})
	reply := h.request(messages.Ask{Body: make([]byte, size), Timeout: patience})
	if b, ok := reply.([]byte); !ok || len(b) != size {
		t.Errorf("the reply has %d bytes, %T", len(b), reply)
		if err, ok := reply.(error); ok {
			t.Error(err)
		}
	}
}
