package procbridge

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

var (
	// ErrClosed is returned for a frame to somebody who is gone: the process has ended, or
	// its end of the pipe is closed.
	ErrClosed = errors.New("the other end is gone")

	// ErrBusy is returned for a user frame when the queue in front of the pipe is full.
	ErrBusy = errors.New(BusyReply)

	// ErrTooLarge is returned, wrapped with both sizes, for a frame above the cap.
	ErrTooLarge = errors.New("frame too large")

	// ErrUnknownType is returned, wrapped, for a frame whose header is good and whose type
	// is not in the table: a newer peer. Readers skip and count such frames.
	ErrUnknownType = errors.New("unknown frame type")

	// ErrNotForWire is returned, wrapped, for a message that never travels through a pipe.
	ErrNotForWire = errors.New("message does not cross processes")

	// ErrBadHeader is returned, wrapped, by [Reader.ReadFrame] when what arrives is not a
	// frame. Nothing after it can be trusted.
	ErrBadHeader = errors.New("not a frame")

	// ErrBadBody is returned, wrapped, for a frame whose body does not fit its type.
	ErrBadBody = errors.New("bad frame body")

	// ErrStatusLost is in [Exited] when somebody else in this program waited for the
	// process, so that its exit status is unknown.
	ErrStatusLost = errors.New("exit status lost: another part of the program waited for this process")
)

// BusyReply is the text of the error in a Reply that a child's bridge gives for an Ask
// that found the worker's queue full.
const BusyReply = "busy: the worker's queue is full (worker_queue_size)"

// StartError says why a process could not be started. Unwrap gives the system's error.
type StartError struct {
	Path    string      // the program
	Mode    fs.FileMode // of the program; 0 when it could not be looked at
	Dir     string      // the working directory asked for, "" for the parent's
	User    *User       // nil for the parent's
	Problem string      // what is wrong, for people
	Hint    string      // what to do about it; may be empty
	Err     error
}

// Error is one line: what was started as whom, what is wrong, what would help.
func (e *StartError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "start %s", e.Path)
	if e.Mode != 0 {
		fmt.Fprintf(&b, " (%s)", e.Mode)
	}
	if e.User != nil {
		fmt.Fprintf(&b, " as uid %d gid %d", e.User.Uid, e.User.Gid)
	}
	fmt.Fprintf(&b, ": %s", e.Problem)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

func (e *StartError) Unwrap() error { return e.Err }
