package serverengine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
)

// Daemonizing starts this program twice more. The first child leads a new session and so
// has no terminal; the second, started by it, does not lead it and so can never get one.
// The caller waits at a pipe for a word from the daemon: it returns only when the daemon is
// up, or says why it is not.
//
//	caller ── starts ─▶ session leader ── starts, exits ─▶ daemon ── "ready" ─▶ caller exits 0

// daemonEnv tells a process which of them it is and which descriptor is the pipe to the
// caller: "session 3" or "daemon 3". The pipe comes behind the sockets that systemd has given
// to the caller, which begin at 3.
const daemonEnv = "SERVERENGINE_DAEMON"

// daemonWord is what a daemon says to its caller.
type daemonWord struct {
	Pid     int
	Problem string // empty = it is up
	Code    int
}

// daemonPart is a process's part in daemonizing.
type daemonPart struct {
	name string // "" for the caller
	pipe int    // descriptor of the pipe to the caller
}

// daemonStage is this process's part. It is read once: what this process starts is no
// daemon. Sockets that the caller was given are this process's, which has inherited them.
func daemonStage() daemonPart {
	text := os.Getenv(daemonEnv)
	_ = os.Unsetenv(daemonEnv)
	name, number, _ := strings.Cut(text, " ")
	pipe, err := strconv.Atoi(number)
	if err != nil || pipe < sockets.FirstListenFD {
		return daemonPart{}
	}
	if pipe > sockets.FirstListenFD {
		sockets.AnnouncedToParent()
	}
	return daemonPart{name, pipe}
}

// inherited are n descriptors from the first one on that is no standard one.
func inherited(n int) []*os.File {
	var files []*os.File
	for i := range n {
		files = append(files, os.NewFile(uintptr(sockets.FirstListenFD+i), "LISTEN_FDS"))
	}
	return files
}

// startStage starts this program as the next one, which gets these files behind the
// standard ones, the pipe last.
func startStage(name string, session bool, files []*os.File) error {
	_, err := procbridge.StartDetached(procbridge.Detached{
		Args: os.Args, Env: append(os.Environ(), fmt.Sprintf("%s=%s %d", daemonEnv, name, sockets.FirstListenFD+len(files)-1)),
		Files: append([]*os.File{nil, os.Stdout, os.Stderr}, files...), Session: session,
	})
	return err
}

// daemonize is the caller's part. It returns the exit code.
func daemonize(cfg Config) int {
	if cfg.Log == "" || cfg.Log == "-" { // the daemon has nowhere to tell it
		for _, warning := range cfg.Warnings() {
			fmt.Fprintf(os.Stderr, "%s: warning: %s\n", programName(), warning)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return complainDaemon(cfg, err)
	}
	defer r.Close()
	err = startStage("session", true, append(inherited(sockets.Announced()), w))
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
		if word.Code == 0 { // a daemon that is not up is a failure, also after a TERM
			return cfg.DaemonizeErrorExitCode
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
func leadSession(pipe int) int {
	if err := startStage("daemon", false, inherited(pipe-sockets.FirstListenFD+1)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), err)
		return 1
	}
	return 0
}

// caller is the way of a daemon to whoever started it; nil in the foreground.
type caller struct {
	mu   sync.Mutex
	pipe *os.File
}

func newCaller(fd int) *caller {
	pipe := os.NewFile(uintptr(fd), "daemon pipe")
	procbridge.CloseOnExec(pipe)
	return &caller{pipe: pipe}
}

// tell says the one word. problem is nil when the daemon is up.
func (c *caller) tell(problem error, code int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pipe == nil {
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
