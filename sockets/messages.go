package sockets

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
)

// maxSlots bounds how many sockets one address may have.
const maxSlots = 4096

// Operations of a request.
const (
	opListen   = "listen"   // one descriptor comes back
	opPing     = "ping"     // proves uid and token
	opPath     = "path"     // where outsiders connect, and their token: for attached peers
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
	Path  string `json:"path,omitempty"`
	Token string `json:"token,omitempty"`
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
	Dir       string `json:"dir,omitempty"`     // of the path: likewise, made for it
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
	case !slices.Contains([]string{opListen, opPing, opPath, opTakeOver, opCommit}, r.Op):
		return fmt.Errorf("operation %q: %w", clip(r.Op, 32), ErrBadRequest)
	case r.Slot < 0 || r.Slot >= maxSlots:
		return fmt.Errorf("slot %d: %w", r.Slot, ErrNoSlot)
	}
	return r.options().check()
}

func (r *request) options() ListenOptions {
	return ListenOptions{Backlog: r.Backlog, ReuseAddr: r.ReuseAddr, ReusePort: r.ReusePort, Slot: r.Slot}
}

// decodeReply parses and checks a body. It must stand anything, as decodeRequest must.
func decodeReply(body []byte) (reply, error) {
	var r reply
	if len(body) > MaxBody {
		return r, fmt.Errorf("a reply of %d bytes: %w", len(body), ErrTooLarge)
	}
	if err := json.Unmarshal(body, &r); err != nil {
		return reply{}, fmt.Errorf("not a reply: %w: %w", err, ErrBadRequest)
	}
	if err := r.check(); err != nil {
		return reply{}, err
	}
	return r, nil
}

func (r *reply) check() error {
	if len(r.Items) > MaxFiles {
		return fmt.Errorf("a reply with %d items, %d are allowed: %w", len(r.Items), MaxFiles, ErrTooLarge)
	}
	if r.More && len(r.Items) == 0 { // or it could go on for ever
		return fmt.Errorf("a reply of nothing, and more to follow: %w", ErrBadRequest)
	}
	for i := range r.Items {
		if err := r.Items[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (it *item) check() error {
	switch {
	case it.Network == "" && *it != item{Dir: it.Dir}, it.Network != "" && it.Dir != "":
		return fmt.Errorf("an item without network: %w", ErrBadRequest)
	case it.Network != "" && protoOf(it.Network) == "":
		return fmt.Errorf("network %q: %w", clip(it.Network, 32), ErrBadRequest)
	case it.Slot < 0 || it.Slot >= maxSlots:
		return fmt.Errorf("slot %d: %w", it.Slot, ErrNoSlot)
	case it.Backlog < 0:
		return fmt.Errorf("backlog %d: %w", it.Backlog, ErrBadRequest)
	case it.File != "" && !filepath.IsAbs(it.File):
		return fmt.Errorf("file %q: %w", clip(it.File, 160), ErrBadRequest)
	case it.Dir != "" && !filepath.IsAbs(it.Dir):
		return fmt.Errorf("directory %q: %w", clip(it.Dir, 160), ErrBadRequest)
	}
	return nil
}
