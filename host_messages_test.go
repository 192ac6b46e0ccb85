//go:build unix

package serverengine_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// talk starts a host with talkers, one if not told otherwise.
func talk(t *testing.T, typ string, more keys) *host {
	t.Helper()
	settings := hostKeys(typ, keys{"workers": 1})
	for k, v := range more {
		settings[k] = v
	}
	h := newHostOf(t, talkerApp(), settings)
	h.ready(settings["workers"].(int))
	return h
}

// A type with a codec of its own travels by it, in both directions.
func TestMessagesWithACodecOfTheirOwn(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := talk(t, typ, nil)
		if got := h.request(messages.Ask{Body: secret("hidden")}); got != secret("hidden") {
			t.Errorf("the answer is %#v", got)
		}
		h.send(messages.Tell{Body: secret("told")})
		h.says("received told")
	})
}

// What goes wrong in a codec is an error to whoever asked, and nobody's end.
func TestCodecThatFailsOrPanicsHurtsNobody(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := talk(t, typ, nil)
		before := h.ready(1)
		for body, want := range map[any]string{
			secret("can't be encoded"): "no code for this",
			secret("can't be decoded"): "no meaning in this",
			secret("panics"):           "panic: in Encode",
			secret("panics later"):     "panic: in Decode",
		} {
			h.fails(messages.Ask{Body: body}, nil, want)
			h.fails(messages.Ask{Body: fmt.Appendf(nil, "reply %s", body)}, nil, want)
		}
		h.send(messages.Tell{Body: secret("panics later")})
		h.says("a message was not handled: ")
		if now := h.ready(1); now.Servers[0].Workers[0].Incarnation != before.Servers[0].Workers[0].Incarnation {
			t.Error("the worker was replaced")
		}
	})
}

// A reply that comes after the time-out answers nobody, in particular not the next one who
// asks.
func TestLateReplyAnswersNobodyElse(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := talk(t, typ, nil)
		path := h.path("gate")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		h.log.mark()
		h.fails(messages.Ask{Body: []byte("gate " + path), Timeout: 50 * time.Millisecond}, serverengine.ErrAskTimeout, "")
		h.says("waiting at the gate")
		next := h.system.Root.RequestFuture(h.engine, messages.Ask{Body: []byte("big 3"), Timeout: patience}, patience)
		(&gate{t: t, path: path}).open()
		got, err := next.Result()
		if b, ok := got.([]byte); err != nil || !ok || !bytes.Equal(b, make([]byte, 3)) {
			t.Errorf("the next one got %q, %v", got, err)
		}
		h.wants("the late reply is counted", func(s messages.Status) bool { return s.LateReplies == 1 })
	})
}

// Messages to and from a worker have the same largest size, in every type of worker.
func TestOversizedMessagesAreRefusedInBothDirections(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		const limit = 4000
		h := talk(t, typ, keys{"worker_max_message_size": limit})
		if b, ok := h.request(messages.Ask{Body: fmt.Appendf(nil, "big %d", limit)}).([]byte); !ok || len(b) != limit {
			t.Errorf("the largest reply has %d bytes", len(b))
		}
		for _, n := range []int{limit + 1, 5 << 20} {
			want := fmt.Sprintf("%d bytes, %d are allowed", n, limit)
			h.fails(messages.Ask{Body: make([]byte, n)}, serverengine.ErrTooLarge, want)
			h.fails(messages.Ask{Body: fmt.Appendf(nil, "big %d", n)}, nil, want)
		}
		if err, ok := h.request(messages.Tell{Body: make([]byte, limit+1)}).(error); !ok || !contains(err.Error(), "4001 bytes") {
			t.Errorf("tell: %v", err)
		}
	})
}

// A full queue is an error to branch on, at once.
func TestFullQueueIsErrBusy(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := talk(t, typ, keys{"worker_queue_size": 3})
		path := h.path("gate")
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		h.send(messages.Tell{Body: []byte("gate " + path)})
		h.says("waiting at the gate")
		for range 3 {
			h.send(messages.Tell{Body: secret("waits")})
		}
		h.fails(messages.Ask{Body: []byte("big 1")}, serverengine.ErrBusy, "worker_queue_size")
		(&gate{t: t, path: path}).open()
		eventually(t, "there is room again", func() bool {
			_, ok := h.request(messages.Ask{Body: []byte("big 1")}).([]byte)
			return ok
		})
		eventually(t, "all that had room have arrived", func() bool { return count(h.log.read(), "received waits") == 3 })
	})
}

// Messages for which there is no room are counted in the log, each once, and not told one
// by one.
func TestTellsThatAreLostAreCounted(t *testing.T) {
	t.Parallel()
	const sent = 3000
	h := talk(t, "process", keys{"worker_queue_size": 3})
	path := h.path("gate")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	h.send(messages.Tell{Body: []byte("gate " + path)})
	h.says("waiting at the gate")
	for range sent {
		h.send(messages.Tell{Body: secret("waits")})
	}
	h.says("messages to this process are lost")
	(&gate{t: t, path: path}).open()
	eventually(t, "there is room again", func() bool {
		_, ok := h.request(messages.Ask{Body: []byte("big 1")}).([]byte)
		return ok
	})
	h.send(messages.Stop{Mode: messages.Graceful})
	eventually(t, "the engine has stopped", h.ended)
	lost, lines := 0, 0
	for _, r := range h.log.read() {
		if r.Msg != "" && r.Lost > 0 {
			lost, lines = lost+r.Lost, lines+1
		}
	}
	if received := count(h.log.read(), "received waits"); lost+received != sent || lines > 12 {
		t.Errorf("%d received, %d lost in %d lines, of %d", received, lost, lines, sent)
	}
}

func TestWorkerWithoutReceiveSaysSo(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHostOf(t, hostApps()[3], hostKeys(typ, keys{"workers": 1}))
		h.ready(1)
		h.fails(messages.Ask{Body: []byte("hear me")}, nil, "worker 0 has no Receive method")
		h.send(messages.Tell{Body: []byte("hear me")})
		if r := h.says("a message was not handled: worker 0 has no Receive method"); r.Level != "warn" {
			t.Errorf("not a warning: %s", r.line)
		}
	})
}

// What a worker asks the engine for is carried out for the whole tree.
func TestWorkerWishesForScaleReloadAndRestart(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := talk(t, typ, nil)
		wish := func(what string) { h.send(messages.Tell{Body: []byte("wish " + what)}) }
		wish("scale")
		h.ready(3)
		wish("scale by")
		h.ready(2)
		h.configure(keys{"workers": 2, "drain_wait": "123ms"})
		wish("reload")
		version := h.wants("a new configuration", func(s messages.Status) bool { return s.ConfigVersion > 3 }).ConfigVersion
		h.wants("all have seen it", func(s messages.Status) bool {
			for _, w := range s.Servers[0].Workers {
				if w.ConfigVersion != version {
					return false
				}
			}
			return s.Ready == 2
		})
		wish("restart")
		sees(h, "the restart is over", func(e messages.RestartFinished) bool { return e.Reason == "" })
		h.fails(messages.Ask{Body: []byte("wish status")}, nil, "ask the engine for messages.GetStatus")
	})
}

// A program of the wire is asked and told as any worker is; a plain command is not.
func TestHostTalksToSpawnedPrograms(t *testing.T) {
	t.Parallel()
	h := newHostOf(t, spawnApp(), spawnKeys(t, wire(t, "behaves")))
	h.ready(1)
	reply, ok := h.request(messages.Ask{Body: []byte("hello")}).([]byte)
	if !ok || string(reply) != "heard: hello" {
		t.Errorf("the answer is %q", reply)
	}
	if got := h.request(messages.Ask{Body: greeting{Name: "a host"}}); got != nil {
		if err, ok := got.(error); !ok || !contains(err.Error(), "test.greeting") {
			t.Errorf("the answer is %#v", got)
		}
	}
	applied, ok := h.request(messages.Reload{}).(messages.ConfigApplied)
	if !ok {
		t.Fatalf("reload: %+v", applied)
	}
	h.wants("the program has seen the configuration", func(s messages.Status) bool {
		return s.Servers[0].Workers[0].ConfigVersion == applied.Version
	})

	plain := newHostOf(t, spawnApp(), spawnKeys(t, shell(introduction+obedient)))
	plain.ready(1)
	plain.fails(messages.Ask{Body: []byte("hello")}, nil, "has no Receive method")
}
