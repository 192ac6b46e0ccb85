package procbridge

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/serverengine/serverengine-go/messages"
)

// tree is what dies with a process: its job, 0 when it has none.
type tree struct{ job windows.Handle }

// signalWords are the command words that say what a signal says elsewhere.
var signalWords = map[string]string{
	"TERM": "GRACEFUL_STOP", "QUIT": "IMMEDIATE_STOP", "INT": "DETACH",
	"HUP": "IMMEDIATE_RESTART", "USR1": "GRACEFUL_RESTART", "USR2": "RELOAD", "CONT": "DUMP",
}

func (p *Process) signal(s os.Signal) error {
	if s == os.Kill {
		return p.killTree()
	}
	if word := signalWords[SignalName(s)]; word != "" {
		return fmt.Errorf("no signals on Windows; send the command word %s: %w", word, errors.ErrUnsupported)
	}
	return fmt.Errorf("no signals on Windows: %w", errors.ErrUnsupported)
}

func (p *Process) signalTree(s os.Signal) error { return p.signal(s) }

func (p *Process) killTree() error {
	if p.tree.job == 0 {
		return p.os.Kill()
	}
	return windows.TerminateJobObject(p.tree.job, 1)
}

// buryTree closes the job, which kills what a dead process left in it.
func (p *Process) buryTree() {
	if p.tree.job != 0 {
		_ = windows.CloseHandle(p.tree.job)
		p.tree.job = 0
	}
}

// awaitDeath returns when the process has ended; its handle is still open.
func (p *Process) awaitDeath() (unreaped bool) {
	seen := false
	err := p.os.WithHandle(func(h uintptr) {
		event, err := windows.WaitForSingleObject(windows.Handle(h), windows.INFINITE)
		seen = err == nil && event == windows.WAIT_OBJECT_0
	})
	return err == nil && seen
}

// readNow has no counterpart: a pipe here is read to its end, which its job's end brings.
func readNow(*os.File, []byte) int { return 0 }

func exitStatus(state *os.ProcessState) messages.Exit {
	return messages.Exit{Cause: messages.ExitReturned, Code: state.ExitCode()}
}

// signalNumbers are the signals that Go knows on Windows.
var signalNumbers = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ILL": syscall.SIGILL,
	"TRAP": syscall.SIGTRAP, "ABRT": syscall.SIGABRT, "BUS": syscall.SIGBUS, "FPE": syscall.SIGFPE,
	"KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV, "PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM,
	"TERM": syscall.SIGTERM,
}

func signalNumber(short string) (os.Signal, bool) {
	s, ok := signalNumbers[short]
	return s, ok
}

func signalText(s os.Signal) string {
	for name, n := range signalNumbers {
		if s == n {
			return name
		}
	}
	return ""
}
