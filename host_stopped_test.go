//go:build unix

package serverengine_test

import (
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// A host may stop the engine's actor as any other: then everything below ends at once, a
// question that is open is answered, and the host is told.
func TestHostStopsTheActor(t *testing.T) {
	eachHost(t, func(t *testing.T, typ string) {
		h := newHost(t, hostKeys(typ, nil))
		h.ready(2)
		h.stopsTheActor()
	})
}

func TestHostStopsTheActorOfASupervisor(t *testing.T) {
	t.Parallel()
	h := newSupervisedHost(t, nil)
	h.ready(2)
	h.stopsTheActor()
}

func (h *host) stopsTheActor() {
	h.t.Helper()
	h.log.mark()
	open := h.system.Root.RequestFuture(h.engine, messages.Ask{Slot: 0, Body: []byte("block")}, patience)
	h.says("blocking")
	if err := h.system.Root.StopFuture(h.engine).Wait(); err != nil {
		h.t.Fatal(err)
	}
	end := sees(h, "the end", func(messages.ServerExited) bool { return true })
	if end.Exit.Ok() || end.Exit.Detail != "the engine's actor was stopped" {
		h.t.Errorf("the end is %s", end)
	}
	if answer, err := open.Result(); err != nil || answer == nil {
		h.t.Errorf("the open question: %v, %v", answer, err)
	}
	eventually(h.t, "all is gone", func() bool { return !h.anyLeft() })
	h.says("host ends at once: its actor is stopped")
	for _, r := range h.log.since() {
		if r.Level == "error" || contains(r.Msg, "panic") {
			h.t.Errorf("the log tells of a fault: %s", r.Msg)
		}
	}
}
