package sockets

import (
	"encoding/json"
	"fmt"
)

// maxSlots bounds how many sockets one address may have.
const maxSlots = 4096

// Operations of a request.
const (
	opListen   = "listen"   // one descriptor comes back
	opPing     = "ping"     // proves uid and token
	opTakeOver = "takeover" // all descriptors come back, in several replies
	opCommit   = "commit"   // ends a takeover: from now on they are mine
)

// request is what a client says. Slot counts only where the connection has
// none of its own.
type request struct {
	ID        uint64 `json:"id"`
	Op        string `json:"op"`
	Token     string `json:"token,omitempty"`
	Network   string `json:"network,omitempty"`
	Address   string `json:"address,omitempty"`
	Backlog   int    `json:"backlog,omitempty"`
	ReuseAddr *bool  `json:"reuseaddr,omitempty"`
	ReusePort bool   `json:"reuseport,omitempty"`
	Slot      int    `json:"slot,omitempty"`
	Pid       int    `json:"pid,omitempty"`
}

// reply is what the owner says. Items and More belong to a takeover: one item
// per descriptor, in order, More while further replies follow.
type reply struct {
	ID    uint64 `json:"id"`
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
	Errno int    `json:"errno,omitempty"`
	Items []item `json:"items,omitempty"`
	More  bool   `json:"more,omitempty"`
}

// item describes one descriptor of a takeover. All items of one address follow
// each other, in slot order. An item without network is the path itself.
type item struct {
	Network   string `json:"network,omitempty"`
	Address   string `json:"address,omitempty"` // as asked
	Slot      int    `json:"slot,omitempty"`
	Pinned    bool   `json:"pinned,omitempty"`
	Steered   bool   `json:"steered,omitempty"`
	Backlog   int    `json:"backlog,omitempty"`   // for sockets of further slots
	ReuseAddr *bool  `json:"reuseaddr,omitempty"` // likewise
	Inherited bool   `json:"inherited,omitempty"`
	Pending   string `json:"pending,omitempty"` // inherited under this name, not asked for yet
	File      string `json:"file,omitempty"`    // absolute path, to be removed in the end
}

// decodeRequest parses and checks a body. It must stand anything.
func decodeRequest(body []byte) (request, error) {
	var r request
	if len(body) > MaxBody {
		return r, fmt.Errorf("a request of %d bytes: %w", len(body), ErrTooLarge)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return request{}, fmt.Errorf("not a request: %w: %w", err, ErrBadRequest)
	}
	return r, r.check()
}

func (r *request) check() error {
	switch {
	case r.ID == 0:
		return fmt.Errorf("a request without id: %w", ErrBadRequest)
	case r.Op != opListen && r.Op != opPing && r.Op != opTakeOver && r.Op != opCommit:
		return fmt.Errorf("operation %q: %w", clip(r.Op, 32), ErrBadRequest)
	case r.Slot < 0 || r.Slot >= maxSlots:
		return fmt.Errorf("slot %d: %w", r.Slot, ErrNoSlot)
	}
	return r.options().check()
}

func (r *request) options() ListenOptions {
	return ListenOptions{Backlog: r.Backlog, ReuseAddr: r.ReuseAddr, ReusePort: r.ReusePort, Slot: r.Slot}
}

func decodeReply(body []byte) (reply, error) {
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		return reply{}, fmt.Errorf("not a reply: %w: %w", err, ErrBadRequest)
	}
	return r, nil
}
