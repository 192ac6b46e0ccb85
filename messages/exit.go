package messages

import "fmt"

// Exit says how an incarnation ended.
type Exit struct {
	Cause  ExitCause
	Code   int      // exit code; 128 + signal number for a signal, as a shell shows it
	Signal string   `json:",omitempty"` // name without SIG, for a signal
	Core   bool     `json:",omitempty"` // a core file was written
	Detail string   `json:",omitempty"` // error text, panic value, why it was killed
	Tail   []string `json:",omitempty"` // last lines it printed, for a start that failed
}

// ExitCause is the kind of an ending.
type ExitCause string

// The kinds of ending.
const (
	ExitReturned ExitCause = "exit"    // Run returned nil, or a process exited with Code
	ExitError    ExitCause = "error"   // Run returned an error
	ExitPanic    ExitCause = "panic"   // a goroutine worker panicked
	ExitSignal   ExitCause = "signal"  // a process was ended by a signal
	ExitFailed   ExitCause = "failed"  // it could not be started
	ExitRefused  ExitCause = "refused" // it spoke another protocol, or garbage
)

// Ok reports an ending without an error.
func (e Exit) Ok() bool { return e.Cause == ExitReturned && e.Code == 0 }

// String is what a log line says, for example "signal KILL" or "exit 3".
func (e Exit) String() string {
	var s string
	switch e.Cause {
	case ExitReturned:
		s = fmt.Sprintf("exit %d", e.Code)
	case ExitSignal:
		s = "signal " + e.Signal
	case ExitError:
		s = "error"
		if e.Code != 1 {
			s = fmt.Sprintf("error with exit %d", e.Code)
		}
	default:
		s = string(e.Cause)
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}
