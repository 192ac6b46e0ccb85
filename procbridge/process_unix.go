//go:build unix

package procbridge

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go/messages"
)

// tree is what dies with a process: its group, when it has one of its own.
type tree struct{ group bool }

func (p *Process) signal(s os.Signal) error { return p.os.Signal(s) }

func (p *Process) signalTree(s os.Signal) error {
	sig, ok := s.(syscall.Signal)
	if !ok || !p.tree.group {
		return p.os.Signal(s)
	}
	err := unix.Kill(-p.pid, sig)
	if errors.Is(err, unix.ESRCH) { // it left for another group
		return p.os.Signal(s)
	}
	return err
}

// killTree kills the process itself too: it may have left its group.
func (p *Process) killTree() error {
	err := p.os.Kill()
	if !p.tree.group {
		return err
	}
	if groupErr := unix.Kill(-p.pid, unix.SIGKILL); groupErr != nil && !errors.Is(groupErr, unix.ESRCH) && err != nil {
		return errors.Join(err, groupErr)
	}
	return nil
}

// buryTree kills what a dead process left in its group. That nobody is there is the usual
// case: ESRCH, on some systems EPERM when there are only zombies.
func (p *Process) buryTree() {
	if p.tree.group {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// readNow reads what is in the pipe, without waiting.
func readNow(f *os.File, b []byte) (n int) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) {
		for {
			got, err := unix.Read(int(fd), b)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			n = max(got, 0)
			return
		}
	})
	if err != nil {
		return 0
	}
	return n
}

func exitStatus(state *os.ProcessState) messages.Exit {
	ws, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !ws.Signaled() {
		return messages.Exit{Cause: messages.ExitReturned, Code: state.ExitCode()}
	}
	return messages.Exit{
		Cause:  messages.ExitSignal,
		Code:   128 + int(ws.Signal()),
		Signal: SignalName(ws.Signal()),
		Core:   ws.CoreDump(),
	}
}
