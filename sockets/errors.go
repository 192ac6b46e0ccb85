package sockets

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Errors to branch on. All of them keep working with errors.Is on the far side
// of a Client, as does the errno of a failed bind (syscall.EADDRINUSE).
var (
	// ErrClosed is a call on a Server or Client that was closed.
	ErrClosed = errors.New("closed")
	// ErrTakenOver is a request for a new address to a Server whose sockets
	// another one took over. What it had it still gives.
	ErrTakenOver = errors.New("taken over by another socket manager")
	// ErrMoving is a change of the sockets while another Server takes them over,
	// or not: try again in a moment.
	ErrMoving = errors.New("being taken over at this moment: try again")
	// ErrOverlap is a request for an address that is not the same as, but
	// would compete with, one that is open already.
	ErrOverlap = errors.New("overlaps with an open address")
	// ErrDenied is a peer with a wrong uid or token.
	ErrDenied = errors.New("access denied")
	// ErrBadRequest is a request that is not well-formed.
	ErrBadRequest = errors.New("bad request")
	// ErrTooLarge is a message over MaxBody, a path over the kernel's limit,
	// or too many descriptors in one message.
	ErrTooLarge = errors.New("too large")
	// ErrNoSlot is a slot outside of what SetSlots said.
	ErrNoSlot = errors.New("no such slot")
	// ErrQueued is ReleaseSlot on a socket with connections or datagrams that
	// nobody has taken yet.
	ErrQueued = errors.New("still has something queued")
	// ErrUnsupported is anything that needs descriptor passing where the
	// operating system has none (Windows). It is errors.ErrUnsupported too.
	ErrUnsupported = fmt.Errorf("descriptor passing is not available on this system: %w", errors.ErrUnsupported)
)

// codes names the sentinels on the wire. A name is never reused.
var codes = map[string]error{
	"closed":      ErrClosed,
	"takenover":   ErrTakenOver,
	"moving":      ErrMoving,
	"overlap":     ErrOverlap,
	"denied":      ErrDenied,
	"badrequest":  ErrBadRequest,
	"toolarge":    ErrTooLarge,
	"noslot":      ErrNoSlot,
	"queued":      ErrQueued,
	"unsupported": ErrUnsupported,
}

// ListenError is a Listen or ListenPacket that failed, here or at the owner.
type ListenError struct {
	Network, Address string // as asked
	Err              error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("sockets: listen %s %s: %v", e.Network, e.Address, e.Err)
}

// Unwrap gives the cause: a sentinel of this package or the errno of the
// system call that failed.
func (e *ListenError) Unwrap() error { return e.Err }

// wireError is an error that came over a connection: its text, and what
// errors.Is needs of it.
type wireError struct {
	text   string
	causes []error
}

func (e *wireError) Error() string   { return e.text }
func (e *wireError) Unwrap() []error { return e.causes }

// listenError wraps err once, without the words net puts in front of it.
func listenError(network, address string, err error) error {
	if err == nil {
		return nil
	}
	if le, ok := errors.AsType[*ListenError](err); ok {
		return le
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return &ListenError{Network: network, Address: address, Err: err}
}

// toWire writes err into r.
func (r *reply) toWire(err error) {
	if err == nil {
		return
	}
	if le, ok := errors.AsType[*ListenError](err); ok {
		err = le.Err
	}
	r.Error = clip(err.Error(), 1024)
	if b, _ := json.Marshal(r.Error); len(b) > MaxBody/2 { // escapes need up to six bytes for one
		r.Error = clip(r.Error, MaxBody/2/6)
	}
	if no, ok := errors.AsType[syscall.Errno](err); ok {
		r.Errno = int(no)
	}
	for code, sentinel := range codes {
		if errors.Is(err, sentinel) {
			r.Code = code
		}
	}
}

// fromWire is the inverse of toWire.
func (r *reply) fromWire() error {
	if r.Error == "" && r.Code == "" && r.Errno == 0 {
		return nil
	}
	e := &wireError{text: cmp.Or(r.Error, "the socket manager gives no reason")}
	if sentinel, ok := codes[r.Code]; ok {
		e.causes = append(e.causes, sentinel)
	}
	if r.Errno != 0 {
		e.causes = append(e.causes, syscall.Errno(r.Errno))
	}
	return e
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
