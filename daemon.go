package serverengine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/serverengine/serverengine-go/procbridge"
)

// Daemonizing starts this program twice more. The first child leads a new session and so
// has no terminal; the second, started by it, does not lead it and so can never get one.
// The caller waits at a pipe for a word from the daemon: it returns only when the daemon is
// up, or says why it is not.
//
//	caller ── starts ─▶ session leader ── starts, exits ─▶ daemon ── "ready" ─▶ caller exits 0

// daemonEnv tells a process which of them it is: "session" or "daemon".
const daemonEnv = "SERVERENGINE_DAEMON"

// daemonPipe is the descriptor of the pipe to the caller, in both children.
const daemonPipe = 3

// daemonWord is what a daemon says to its caller.
type daemonWord struct {
	Pid     int
	Problem string // empty = it is up
	Code    int
}

// daemonStage is this process's part, "" for the caller. It is read once: what this process
// starts is no daemon.
func daemonStage() string {
	stage := os.Getenv(daemonEnv)
	_ = os.Unsetenv(daemonEnv)
	return stage
}

// daemonize is the caller's part. It returns the exit code.
func daemonize(cfg Config) int {
	r, w, err := os.Pipe()
	if err != nil {
		return complainDaemon(cfg, err)
	}
	defer r.Close()
	_, err = procbridge.StartDetached(procbridge.Detached{
		Args: os.Args, Env: append(os.Environ(), daemonEnv+"=session"),
		Files: []*os.File{nil, os.Stdout, os.Stderr, w}, Session: true,
	})
	_ = w.Close() // the children have it
	if err != nil {
		return complainDaemon(cfg, err)
	}
	answer, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return complainDaemon(cfg, err)
	}
	var word daemonWord
	if err := json.Unmarshal(answer, &word); err != nil {
		return complainDaemon(cfg, errors.New("it ended before it was up; its last output is above or in its log"))
	}
	if word.Problem != "" {
		for _, line := range strings.Split(strings.TrimSpace(word.Problem), "\n") {
			fmt.Fprintf(os.Stderr, "%s: %s\n", programName(), line)
		}
		return word.Code
	}
	return 0
}

func complainDaemon(cfg Config, err error) int {
	fmt.Fprintf(os.Stderr, "%s: the daemon could not be started: %v\n", programName(), err)
	return cfg.DaemonizeErrorExitCode
}

// leadSession is the part of the process between: it starts the daemon and is done.
func leadSession() int {
	_, err := procbridge.StartDetached(procbridge.Detached{
		Args: os.Args, Env: append(os.Environ(), daemonEnv+"=daemon"),
		Files: []*os.File{nil, os.Stdout, os.Stderr, os.NewFile(daemonPipe, "daemon pipe")},
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), err)
		return 1
	}
	return 0
}

// caller is the way of a daemon to whoever started it; nil in the foreground.
type caller struct{ pipe *os.File }

func newCaller() *caller {
	pipe := os.NewFile(daemonPipe, "daemon pipe")
	procbridge.CloseOnExec(pipe)
	return &caller{pipe: pipe}
}

// tell says the one word. problem is nil when the daemon is up.
func (c *caller) tell(problem error, code int) {
	if c == nil || c.pipe == nil {
		return
	}
	word := daemonWord{Pid: os.Getpid(), Code: code}
	if problem != nil {
		word.Problem = problem.Error()
	}
	b, err := json.Marshal(word)
	if err == nil {
		_, _ = c.pipe.Write(b) // who started us has gone away, at worst
	}
	_ = c.pipe.Close()
	c.pipe = nil
}

// detachOutput makes stdout and stderr the null device: they were the caller's.
func detachOutput() error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("open the null device: %w", err)
	}
	defer null.Close()
	return procbridge.ReplaceOutput(null)
}
