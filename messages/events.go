package messages

import (
	"fmt"
	"time"
)

// Event is something that has happened below. The set is closed.
type Event interface {
	fmt.Stringer
	event()
}

// Hello is the first frame from a child process.
type Hello struct {
	Min, Max int    // protocol versions it speaks
	Build    string // version of this library, or the name of another implementation
	Pid      int
}

// Ready says that a child may get traffic.
type Ready struct{}

// Beat says that a child process is alive. Any other frame says so too.
type Beat struct{}

// Progress says that a worker's own code makes progress (Self.Beat). A worker that has
// said so once must go on doing so.
type Progress struct{}

// JobsDone counts finished units of work (Self.Done).
type JobsDone struct{ N int }

// ConfigSeen says that a worker or a server works with this configuration version.
// Err is what its Reload returned, if it failed.
type ConfigSeen struct {
	Incarnation Incarnation
	Version     uint64
	Err         string `json:",omitempty"`
}

// Requested is a wish from below: the top does it, or not.
type Requested struct{ Command Command }

// Reply answers the Deliver of the same ID.
type Reply struct {
	ID   uint64
	Type string
	Body []byte
	Err  string
}

// Closing says that a child will exit without having been told to: its Run returned, or
// a signal of its own reached it. From now on it is not to get traffic or messages.
type Closing struct{}

// WorkerStarted says that an incarnation exists. Pid is 0 for a goroutine.
type WorkerStarted struct {
	Incarnation Incarnation
	Pid         int
}

// WorkerReady says that an incarnation may get traffic.
type WorkerReady struct{ Incarnation Incarnation }

// WorkerStopping says that an incarnation was told to end.
type WorkerStopping struct {
	Incarnation Incarnation
	Mode        Mode
	Reason      string
}

// WorkerExited is the last event of an incarnation.
type WorkerExited struct {
	Incarnation Incarnation
	Pid         int
	Exit        Exit
	Uptime      time.Duration
	Expected    bool          // it had been told to end
	Restarts    int           // of its slot, in this generation
	Next        time.Duration // until the slot's next start; -1 = none
}

// RestartFinished ends a restart of the workers. Reason is empty when all were replaced,
// else why it was aborted with the old workers still serving. ID is that of the Restart.
type RestartFinished struct {
	Mode    Mode
	Reason  string
	Version uint64
	ID      uint64 `json:",omitempty"`
}

// ServerStarted says that the server process of a generation exists.
type ServerStarted struct{ Generation, Pid int }

// ServerReady says that every wanted slot of a generation has been ready once.
type ServerReady struct{ Generation int }

// ServerStopping says that the server process of a generation was told to end: it drains.
type ServerStopping struct {
	Generation int
	Mode       Mode
	Reason     string
}

// ServerExited is the last event of a generation: of a server process, or of the server
// in this process, whose exit status then is that of the whole.
type ServerExited struct {
	Generation, Pid int
	Exit            Exit
	Expected        bool
}

// WorkerStuck says that a worker that can't be killed is past every deadline.
type WorkerStuck struct{ Incarnation Incarnation }

// CommandStarted says which process a keeper runs for a spawn worker. A keeper sends it
// once, before Ready.
type CommandStarted struct{ Pid int }

// CommandExited says how that process ended. The keeper ends then.
type CommandExited struct{ Exit Exit }

func (CommandStarted) event()  {}
func (CommandExited) event()   {}
func (Hello) event()           {}
func (Ready) event()           {}
func (Beat) event()            {}
func (Progress) event()        {}
func (JobsDone) event()        {}
func (ConfigSeen) event()      {}
func (Requested) event()       {}
func (Reply) event()           {}
func (Closing) event()         {}
func (WorkerStarted) event()   {}
func (WorkerReady) event()     {}
func (WorkerStopping) event()  {}
func (WorkerExited) event()    {}
func (WorkerStuck) event()     {}
func (RestartFinished) event() {}
func (ServerStarted) event()   {}
func (ServerReady) event()     {}
func (ServerStopping) event()  {}
func (ServerExited) event()    {}

func (e Hello) String() string {
	return fmt.Sprintf("hello from pid %d (%s, protocol %d to %d)", e.Pid, e.Build, e.Min, e.Max)
}
func (e CommandStarted) String() string {
	return fmt.Sprintf("command started as pid %d", e.Pid)
}
func (e CommandExited) String() string { return "command exited: " + e.Exit.String() }
func (e Ready) String() string         { return "ready" }
func (e Beat) String() string          { return "beat" }
func (e Progress) String() string      { return "progress" }
func (e JobsDone) String() string      { return fmt.Sprintf("%d jobs done", e.N) }
func (e ConfigSeen) String() string    { return fmt.Sprintf("configuration %d seen", e.Version) }
func (e Requested) String() string     { return "requested " + e.Command.String() }
func (e Reply) String() string         { return fmt.Sprintf("reply %d", e.ID) }
func (e Closing) String() string       { return "closing" }
func (e WorkerStarted) String() string {
	return fmt.Sprintf("worker %s started as pid %d", e.Incarnation, e.Pid)
}
func (e WorkerReady) String() string    { return "worker " + e.Incarnation.String() + " ready" }
func (e WorkerStopping) String() string { return "worker " + e.Incarnation.String() + " stopping" }
func (e WorkerExited) String() string {
	return "worker " + e.Incarnation.String() + " exited: " + e.Exit.String()
}
func (e WorkerStuck) String() string { return "worker " + e.Incarnation.String() + " stuck" }
func (e RestartFinished) String() string {
	if e.Reason != "" {
		return e.Mode.String() + " restart aborted: " + e.Reason
	}
	return e.Mode.String() + " restart finished"
}
func (e ServerStarted) String() string {
	return fmt.Sprintf("server %d started as pid %d", e.Generation, e.Pid)
}
func (e ServerReady) String() string { return fmt.Sprintf("server %d ready", e.Generation) }
func (e ServerStopping) String() string {
	return fmt.Sprintf("server %d told to stop (%s): %s", e.Generation, e.Mode, e.Reason)
}
func (e ServerExited) String() string {
	return fmt.Sprintf("server %d exited: %s", e.Generation, e.Exit)
}
