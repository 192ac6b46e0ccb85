package workers

import (
	"context"
	"fmt"
	"io"

	"github.com/serverengine/serverengine-go/config"
)

// Worker is what a user implements (the seed's worker module).
//
// Run works until ctx is cancelled, and then finishes what it has in hand and returns. The
// cause of ctx (context.Cause) is a [StopCause]. Listeners got from Self are closed by then.
// A Run that returns although it was not told to is started again by the restart policy;
// nil is exit code 0, an [ExitError] its code, any other error code 1.
type Worker interface {
	Run(ctx context.Context, self *Self) error
}

// Optional interfaces of a Worker, found by assertion. They are called from goroutines of
// their own, at most one call of each at a time, while Run runs.
type (
	// Reloader is told of a new configuration (the seed's reload). An error or a panic is
	// reported, and the worker is replaced by one that starts with the new configuration.
	Reloader interface {
		Reload(ctx context.Context, cfg config.Config) error
	}
	// Stopper is called once when a graceful stop begins, after ctx is cancelled (the
	// seed's stop). The worker has ended when Run and Stop have returned.
	Stopper interface{ Stop() }
	// Dumper adds to the dump that an operator asks for. Dump is called in a goroutine of its
	// own when the stacks are written: one that waits only keeps back what it would add. What
	// it writes gets into the file when it returns, or panics.
	Dumper interface{ Dump(w io.Writer) }
	// Receiver gets the messages sent to its slot, one after another. What it returns
	// answers an Ask. A panic in it is an error to whoever asked, and is logged.
	Receiver interface {
		Receive(ctx context.Context, message any) (reply any, err error)
	}
)

// New makes the worker of a life, where its Run will run: in the child process for process
// workers. An error is as one of Run.
type New func(self *Self) (Worker, error)

// Func makes a New of a worker that is only a function.
func Func(run func(ctx context.Context, self *Self) error) New {
	return func(*Self) (Worker, error) { return runFunc(run), nil }
}

type runFunc func(ctx context.Context, self *Self) error

func (f runFunc) Run(ctx context.Context, self *Self) error { return f(ctx, self) }

// Readiness says when a worker may get traffic.
type Readiness uint8

const (
	// ByRun: once Run has run for worker_ready_after, at Self.Ready if that is earlier, or
	// when Run returns nil. The default.
	ByRun Readiness = iota
	// ByCall: only at Self.Ready.
	ByCall
)

// Slot is a worker's place, as hooks in the parent see it.
type Slot struct {
	ID          int    // the seed's worker_id
	Incarnation string // generation.slot.life
	Config      config.Config
}

// ExitError makes Run's return an exit with a code, as a process has one: 0 to 255, any other
// one counts as 255. Code 0 is a success that happens to have something to say.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return fmt.Sprintf("%v (exit code %d)", e.Err, e.Code)
}

func (e *ExitError) Unwrap() error { return e.Err }

// StopCause is the cause of a worker's cancelled context.
type StopCause struct {
	Reason string // for people
	Orphan bool   // the parent process is gone
}

func (c *StopCause) Error() string { return "stopped: " + c.Reason }

// maxExitCode is the highest that a process can exit with: of a higher one its parent sees
// the lowest byte, which may be 0.
const maxExitCode = 255

// exitCode is a code as a process can have it: what is none of them is a failure all the same.
func exitCode(code int) int {
	if code < 0 || code > maxExitCode {
		return maxExitCode
	}
	return code
}
