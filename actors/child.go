package actors

import (
	"os"
	"time"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// What an actor that is one incarnation tells its parent: a worker of any type, or the
// proxy of a server process. ChildExited is the last, and the actor waits to be stopped.
type (
	// ChildStarted says that it exists. Pid is 0 for a goroutine.
	ChildStarted struct {
		Incarnation messages.Incarnation
		Pid         int
	}
	// ChildReady says that it may get traffic.
	ChildReady struct{ Incarnation messages.Incarnation }
	// ChildSaid carries any other event of it.
	ChildSaid struct {
		Incarnation messages.Incarnation
		Event       messages.Event
	}
	// ChildFailing says that it is being ended because of what it did or failed to do.
	ChildFailing struct {
		Incarnation messages.Incarnation
		Why         string
	}
	// ChildExited is its end.
	ChildExited struct {
		Incarnation messages.Incarnation
		Pid         int
		Exit        messages.Exit
	}
)

// What such an actor takes beside commands.
type (
	// Mail is user messages, in their order: those that came together travel together.
	Mail []messages.Deliver
	// Kill ends a process's group without asking. A goroutine can't be killed.
	Kill struct{}
	// Disown closes a process's life-line: it learns that its parent is gone and ends by
	// itself within orphan_timeout.
	Disown struct{}
	// Timing changes the numbers of the kill ladder and of the heartbeat.
	Timing struct {
		Ladder Ladder
		Watch  Watch
	}
)

// Child is what a proxy sees of a child process. A *procbridge.Process is one.
type Child interface {
	Pid() int
	Send(messages.Command) error
	Deliver(messages.Deliver) error
	LastSeen() time.Time
	Signal(os.Signal) error
	Kill() error
	CloseLifeline()
	Events() <-chan procbridge.Event
}

// Keeper is a Child that keeps a plain command, which is the process that counts for
// everybody else: its pid and its exit are reported, and it has started when the keeper
// says so.
type Keeper interface {
	Child
	Keeps()
}
