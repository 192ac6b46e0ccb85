package serverengine

import (
	"errors"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
)

// resize is told of every change of the wanted number of workers: with a socket per worker,
// no new connection goes to those that are to end.
func (h *house) resize(workers int) {
	if err := h.sockets.SetSlots(workers); err != nil {
		h.log.Errorf("sockets for %d workers: %v", workers, err)
	}
	h.release() // a slot that waits for its next start has nobody whose end would be told
}

// release closes the sockets of the slots that are not wanted any more, each when its last
// life has ended: there may be several, that drain or replace each other, in several
// generations, and each may still accept. It is called from any goroutine, after all that may
// make a slot unwanted or end a life.
func (h *house) release() {
	for _, slot := range h.sockets.UnusedSlots() {
		if h.births.in(slot) {
			continue
		}
		err := h.sockets.ReleaseSlot(slot)
		switch {
		case errors.Is(err, sockets.ErrQueued):
			if lost := h.sockets.AbandonSlot(slot); lost > 0 { // nobody is left who could take them
				h.log.Warnf("sockets of worker %d: %d connections or datagrams that no worker has taken are lost", slot, lost)
			}
		case err != nil && !errors.Is(err, sockets.ErrNoSlot): // that is: wanted again
			h.log.Warnf("sockets of worker %d: %v", slot, err)
		}
	}
}

// gone is told that a process has ended, also one whose server could not tell of it any more.
func (h *house) gone(p sockets.Peer) {
	if inc, err := messages.ParseIncarnation(p.Incarnation); err == nil && inc.IsServer() {
		h.births.forgetServer(inc.Generation) // all it had handed over was taken
	}
	h.release()
}
