//go:build unix

package serverengine_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

func contains(s, sub string) bool { return strings.Contains(s, sub) }

// eachHost tells a story of a host program with threads and with processes.
func eachHost(t *testing.T, story func(t *testing.T, typ string)) {
	t.Parallel()
	for _, typ := range []string{"thread", "process"} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			story(t, typ)
		})
	}
}

func TestHostRestartsReloadsAndScalesByMessages(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		s := h.ready(2)
		if s.Name != "host" || s.WorkerType != typ || s.Wanted != 2 || s.ConfigVersion != 1 {
			t.Errorf("status %+v", s)
		}

		h.send(messages.Restart{Mode: messages.Graceful})
		sees(h, "the restart is over", func(e messages.RestartFinished) bool { return e.Reason == "" })
		s = h.wants("the old ones are gone", func(s messages.Status) bool { return s.Ready == 2 && len(s.Servers[0].Workers) == 2 })
		for _, w := range s.Servers[0].Workers {
			if w.Incarnation.Life != 2 {
				t.Errorf("after a restart: %+v", w)
			}
		}
		if s.LastRestart != "graceful restart finished" {
			t.Errorf("last restart %q", s.LastRestart)
		}

		h.configure(keys{"message": "two"})
		applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied)
		if !ok || applied.Version != 3 || len(applied.Changes) != 1 || len(applied.NeedsRestart) != 0 {
			t.Errorf("reload: %+v", applied)
		}
		for _, w := range s.Servers[0].Workers {
			h.saysOf(w.Incarnation.String(), "reloaded: message two, two")
		}
		h.wants("all work with the new configuration", func(s messages.Status) bool {
			for _, w := range s.Servers[0].Workers {
				if w.ConfigVersion != 3 {
					return false
				}
			}
			return true
		})

		h.send(messages.Scale{Workers: 3})
		h.ready(3)
		h.send(messages.ScaleBy{Delta: -2})
		if s := h.ready(1); s.Wanted != 1 {
			t.Errorf("wanted %d", s.Wanted)
		}
	})
}

func TestHostIsToldWhyAReloadIsRefused(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		before := h.ready(2)
		h.configure(keys{"drain_wait": "soon"})
		refused, ok := h.request(messages.Reload{}).(messages.ConfigRefused)
		if !ok || !contains(refused.Reason, "drain_wait") || !contains(refused.Reason, "soon") {
			t.Errorf("reload: %+v", refused)
		}
		h.send(messages.Restart{Mode: messages.Graceful})
		h.says("graceful restart refused")
		s := h.ready(2)
		if s.LastReload != refused.Reason || s.ConfigVersion != 1 {
			t.Errorf("status %+v", s)
		}
		for i, w := range s.Servers[0].Workers {
			if w.Incarnation != before.Servers[0].Workers[i].Incarnation {
				t.Errorf("%s was replaced", w.Incarnation)
			}
		}
		h.configure(keys{"drain_wait": "50ms", "worker_queue_size": 5})
		applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied)
		if !ok || len(applied.NeedsRestart) != 1 || applied.NeedsRestart[0] != "worker_queue_size" {
			t.Errorf("reload: %+v", applied)
		}
		if s := h.status(); s.LastReload != "" {
			t.Errorf("last reload %q", s.LastReload)
		}
	})
}

func TestHostTalksToItsWorkers(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, keys{"worker_max_message_size": 1000}))
		h.ready(2)
		for slot := range 2 {
			h.send(messages.Tell{Slot: slot, Body: greeting{Name: "a host"}})
			if r := h.says("greeted by a host"); *r.Worker != slot {
				t.Errorf("slot %d: %s", slot, r.line)
			}
			reply, ok := h.request(messages.Ask{Slot: slot, Body: greeting{Name: "me"}}).(greeting)
			if !ok || !strings.HasPrefix(reply.Name, "me, by worker ") {
				t.Errorf("slot %d replied %+v", slot, reply)
			}
			raw, ok := h.request(messages.Ask{Slot: slot, Body: []byte("raw")}).([]byte)
			if !ok || string(raw) != "raw" {
				t.Errorf("slot %d replied %q", slot, raw)
			}
		}
		h.fails(messages.Ask{Body: []byte("fail")}, nil, "no luck")
		h.fails(messages.Ask{Body: []byte("panic")}, nil, "panic in Receive")
		h.fails(messages.Ask{Body: stranger{}}, messages.ErrUnknownType, "stranger")
		h.fails(messages.Ask{Body: []byte("unknown")}, nil, "is not registered")
		h.fails(messages.Ask{Body: make([]byte, 1001)}, serverengine.ErrTooLarge, "1001 bytes, 1000 are allowed")
		h.fails(messages.Ask{Slot: 7, Body: []byte("x")}, nil, "no worker of slot 7 is ready")
		h.fails(messages.Ask{Slot: -1, Body: []byte("x")}, nil, "no worker of slot -1 is ready")
		h.send(messages.Tell{Slot: 7, Body: []byte("x")})
		h.says("a message to slot 7 is dropped")
		if err, ok := h.request(messages.Tell{Body: stranger{}}).(error); !ok || !contains(err.Error(), "stranger") {
			t.Errorf("tell: %v", err)
		}
		reply, ok := h.request(messages.Ask{Body: make([]byte, 1000)}).([]byte)
		if !ok || len(reply) != 1000 {
			t.Errorf("the largest message came back with %d bytes", len(reply))
		}
	})
}

// A worker that is stuck in Receive costs its askers a time-out, and its queue is bounded.
func TestHostAsksABusyWorker(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, keys{"workers": 1, "worker_queue_size": 2}))
		h.ready(1)
		h.fails(messages.Ask{Body: []byte("block"), Timeout: 50 * time.Millisecond}, serverengine.ErrAskTimeout, "")
		h.says("blocking")
		for range 2 {
			h.send(messages.Tell{Body: []byte("waits")})
		}
		h.fails(messages.Ask{Body: []byte("one too many")}, nil, "queue is full")
		h.ready(1) // the engine is not stuck
	})
}

// A slot whose worker is between two lives has nobody who could answer.
func TestHostAsksADeadSlot(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, keys{"workers": 1, "restart_worker_interval": "1h"}))
		h.ready(1)
		_, _ = h.get("/end?how=error") // the worker may be gone before it answers
		sees(h, "the worker has ended", func(e messages.WorkerExited) bool { return !e.Expected })
		h.fails(messages.Ask{Body: []byte("x")}, nil, "no worker of slot 0 is ready")
		s := h.wants("it waits", func(s messages.Status) bool { return s.Servers[0].Workers[0].State == "waiting" })
		if w := s.Servers[0].Workers[0]; s.Ready != 0 || w.LastExit == "" || !contains(w.Reason, "next start in") {
			t.Errorf("status %+v", w)
		}
		h.send(messages.Scale{Workers: 0})
		h.wants("a slot that nobody wants waits for nothing", func(s messages.Status) bool {
			return s.Wanted == 0 && len(s.Servers[0].Workers) == 0
		})
	})
}

func TestHostSeesTheLifeOfAWorker(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, keys{"workers": 1}))
		old := h.ready(1).Servers[0].Workers[0]
		if typ == "process" {
			h.kill(old.Pid, syscall.SIGKILL)
		} else {
			_, _ = h.get("/end?how=panic") // the worker may be gone before it answers
		}
		e := sees(h, "the worker has ended", func(e messages.WorkerExited) bool { return e.Incarnation == old.Incarnation })
		if e.Expected || e.Pid != old.Pid || e.Restarts != 1 || e.Next != 0 || e.Uptime <= 0 {
			t.Errorf("event %+v", e)
		}
		next := messages.Incarnation{Generation: 1, Slot: 0, Life: 2}
		sees(h, "the next starts", func(e messages.WorkerStarted) bool { return e.Incarnation == next })
		sees(h, "the next is ready", func(e messages.WorkerReady) bool { return e.Incarnation == next })
		if w := h.ready(1).Servers[0].Workers[0]; w.Restarts != 1 || w.LastExit == "" {
			t.Errorf("status %+v", w)
		}
	})
}

func TestServerExitedIsTheLastEvent(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		h.ready(2)
		h.send(messages.Stop{Mode: messages.Graceful, Reason: "enough"})
		eventually(t, "the engine has stopped", h.ended)
		events := h.seen()
		last, ok := events[len(events)-1].(messages.ServerExited)
		if !ok || !last.Exit.Ok() || !last.Expected {
			t.Errorf("the last event is %#v", events[len(events)-1])
		}
		exited := 0
		for _, e := range events {
			if e, ok := e.(messages.WorkerExited); ok && e.Expected && e.Exit.Ok() {
				exited++
			}
		}
		if exited != 2 {
			t.Errorf("%d workers have ended: %v", exited, events)
		}
	})
}

// What reaches the engine while it opens its files is not lost.
func TestStopRightAfterTheStart(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		h.send(messages.Stop{Mode: messages.Graceful, Reason: "never mind"})
		eventually(t, "the engine has stopped", h.ended)
		sees(h, "the end", func(e messages.ServerExited) bool { return e.Exit.Ok() })
	})
}

// A host that dies with a handler's panic would be a poor guest's host.
func TestHandlerThatPanicsHurtsNobody(t *testing.T) {
	t.Parallel()
	h := newHost(t, hostKeys("thread", nil))
	h.system.EventStream.Subscribe(func(e any) {
		if _, ok := e.(messages.WorkerStarted); ok {
			panic("a handler")
		}
	})
	h.ready(2)
	h.send(messages.Scale{Workers: 3})
	h.ready(3)
	h.says("a handler of the event stream panicked")
}

// Threads of a host can't be killed and the host is not to be ended: the stop is graceful.
func TestImmediateStopOfAGuestsThreadsIsGraceful(t *testing.T) {
	t.Parallel()
	h := newHost(t, hostKeys("thread", nil))
	h.ready(2)
	a, gate := h.hold()
	h.send(messages.Stop{Mode: messages.Immediate, Reason: "now"})
	h.says("goroutine workers can't be killed, the stop is graceful")
	gate.open()
	a.arrives("held by")
	eventually(t, "the engine has stopped", h.ended)
}

func TestImmediateStopOfAGuestsProcesses(t *testing.T) {
	t.Parallel()
	h := newHost(t, hostKeys("process", nil))
	h.ready(2)
	a, gate := h.hold()
	defer gate.open()
	h.send(messages.Stop{Mode: messages.Immediate, Reason: "now"})
	a.breaks()
	eventually(t, "the engine has stopped", h.ended)
}

// A bad configuration is the host's to see, not its end.
func TestHostIsToldOfABadConfiguration(t *testing.T) {
	t.Parallel()
	h := newHost(t, keys{"worker_type": "fibre"})
	e := sees(h, "the server could not start", func(messages.ServerExited) bool { return true })
	if e.Exit.Code != 1 || !contains(e.Exit.Detail, "worker_type") {
		t.Errorf("event %+v", e)
	}
	eventually(t, "the engine is gone", h.ended)
}

// A worker's wish travels up and is obeyed there.
func TestWorkerWishesForARestart(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		tr.log.mark()
		tr.mustGet("/wish")
		tr.replaced(before)
		tr.says("restart finished")
	})
}
