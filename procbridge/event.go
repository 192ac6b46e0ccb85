package procbridge

import (
	"os"

	"github.com/serverengine/serverengine-go/messages"
)

// Event is news of one process, from [Process.Events].
type Event interface{ event() }

// Frame is a message from the child. The first is its Hello; beats are not among them.
type Frame struct{ Event messages.Event }

// Garbage says that what the child writes is no frame, or a frame whose body cannot be
// read, or that its first frame is no Hello. It comes at most once, and no Frame follows:
// the pipe is emptied, unread, so that the child never blocks on it.
type Garbage struct {
	First []byte // up to 64 bytes of it, to be shown as text
	Err   error
}

// Refused says that the child speaks no version of the protocol that this side speaks, Min
// to Max. No Frame follows, as after Garbage.
type Refused struct {
	Hello    messages.Hello
	Min, Max int
}

// UpClosed says that the child has closed its pipe and goes on living (seen alive 100 ms
// later). Nothing can be heard from it any more.
type UpClosed struct{}

// Exited is the last event. State is nil when the status was lost (Exit.Detail says so).
type Exited struct {
	Exit  messages.Exit
	State *os.ProcessState
}

func (Frame) event()    {}
func (Garbage) event()  {}
func (Refused) event()  {}
func (UpClosed) event() {}
func (Exited) event()   {}
