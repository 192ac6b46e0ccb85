//go:build unix

package procbridge

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Detached is a process that its starter does not keep: it has no pipes to it, and is not
// killed with it.
type Detached struct {
	Args    []string
	Env     []string   // whole environment
	Files   []*os.File // descriptors 0, 1, 2 and so on; nil = the null device
	Session bool       // lead a new session, without a terminal
}

// StartDetached starts the running program's image again and returns its pid. The caller
// exits soon, or is an init that reaps everything. The child's short name is not the
// program's: it sets it by SetComm.
func StartDetached(d Detached) (pid int, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return 0, fmt.Errorf("open the null device: %w", err)
	}
	defer null.Close()
	files := make([]*os.File, len(d.Files))
	for i, f := range d.Files {
		if files[i] = f; f == nil {
			files[i] = null
		}
	}
	path := selfExe
	if _, err := os.Stat(path); err != nil {
		if path, err = ResolveProgram(); err != nil {
			return 0, fmt.Errorf("find this program: %w", err)
		}
	}
	p, err := os.StartProcess(path, d.Args, &os.ProcAttr{Env: d.Env, Files: files, Sys: &syscall.SysProcAttr{Setsid: d.Session}})
	if err != nil {
		return 0, fmt.Errorf("start this program again: %w", err)
	}
	pid = p.Pid
	return pid, p.Release()
}

// CatchPipeSignal keeps a write to a broken stdout or stderr from killing this process: the
// write fails instead. Children that it starts are not affected.
func CatchPipeSignal() { catchPipeSignal() }

// InitOptions is what a process 1 does beside reaping.
type InitOptions struct {
	Start   func() (pid int, err error) // starts the process whose end is ours
	Forward []os.Signal                 // passed on to it, also those that come during its start
	// Ours reports whether a signal reached the child as well, because a person typed it at
	// the terminal that both belong to.
	Ours func(os.Signal) bool
}

// ServeInit is the whole life of process 1 in a container: it reaps whatever ends, passes
// signals on, and returns the exit code of its child, 128 + n for signal n.
func ServeInit(o InitOptions) (code int, err error) {
	raised := make(chan os.Signal, 64)
	signal.Notify(raised, o.Forward...)
	defer signal.Stop(raised)
	child, err := o.Start()
	if err != nil {
		return 1, err
	}
	go func() {
		for s := range raised {
			if n, ok := s.(unix.Signal); ok && !o.Ours(s) {
				_ = unix.Kill(child, n) // it has ended, at worst: then so do we
			}
		}
	}()
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 1, nil // no child left: ours was reaped by somebody else
		case pid != child:
		case status.Signaled():
			return 128 + int(status.Signal()), nil
		case status.Exited():
			return status.ExitStatus(), nil
		}
	}
}

// CloseOnExec keeps a descriptor that was inherited from this process's children.
func CloseOnExec(f *os.File) {
	if raw, err := f.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { unix.CloseOnExec(int(fd)) }) // a closed file has no children
	}
}

// CloseInheritedOnExec keeps every descriptor above 2 that this process was started with
// from its children: they get what they are given, and whoever waits for the end of a pipe
// or a lock of our starter's does not wait for them. Where the system has no list of
// descriptors it does nothing.
func CloseInheritedOnExec() {
	list, err := os.Open("/dev/fd")
	if err != nil {
		return
	}
	defer list.Close()
	names, _ := list.Readdirnames(-1) // what was read before an error counts
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// ReplaceOutput makes descriptors 1 and 2 of this process copies of f.
func ReplaceOutput(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("replace stdout and stderr: %w", err)
	}
	var problem error
	err = raw.Control(func(fd uintptr) {
		for _, n := range []int{1, 2} {
			if problem == nil {
				problem = dupTo(int(fd), n)
			}
		}
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return fmt.Errorf("replace stdout and stderr: %w", err)
	}
	return nil
}
