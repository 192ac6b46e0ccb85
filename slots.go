package serverengine

import (
	"errors"
	"io/fs"
	"strconv"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
)

// resize is called before another number of workers is in force: with a socket per worker,
// no new connection goes to those that are to end, and more workers there can only be with
// more sockets. On failure everything is as before.
func (h *house) resize(workers int) error {
	err := h.sockets.SetSlots(workers)
	if err == nil {
		h.release() // a slot that waits for its next start has nobody whose end would be told
		return nil
	}
	hint := "try again later, or leave socket_reuseport out: then any number of workers shares one socket"
	if errors.Is(err, fs.ErrPermission) {
		hint = "stop and start with as many workers as will be needed, since chuser takes effect after their sockets are bound; " +
			"or give ports from 1024 on, or leave socket_reuseport out"
	}
	return &ConfigError{Key: "workers", Value: strconv.Itoa(workers), Problem: "needs a socket for each of them: " + err.Error(), Hint: hint}
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
