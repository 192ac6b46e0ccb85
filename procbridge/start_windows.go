package procbridge

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func (s *startup) exec() (*os.Process, tree, error) {
	if s.cmd.User != nil {
		return nil, tree{}, fmt.Errorf("run as another user: not possible on Windows: %w", windows.ERROR_NOT_SUPPORTED)
	}
	handles, err := s.inheritable()
	defer closeHandles(handles)
	if err != nil {
		return nil, tree{}, err
	}
	env := s.cmd.environ()
	if s.cmd.Wire {
		numbers := make([]uintptr, len(handles))
		for k, h := range handles {
			numbers[k] = uintptr(h)
		}
		entry, err := s.grant(numbers).variable()
		if err != nil {
			return nil, tree{}, err
		}
		env = append(env, entry)
	}
	job, err := newJob()
	if err != nil {
		return nil, tree{}, err
	}
	proc, err := os.StartProcess(s.cmd.path(), s.cmd.argv(), &os.ProcAttr{
		Dir: s.cmd.Dir, Env: env, Files: s.std[:],
		Sys: &syscall.SysProcAttr{CreationFlags: s.flags(), AdditionalInheritedHandles: handles},
	})
	if err != nil {
		_ = windows.CloseHandle(job)
		return nil, tree{}, bare(err)
	}
	return proc, tree{job: enter(job, proc)}, nil
}

// flags keep a Ctrl-C at the console from the child, as a process group does elsewhere.
func (s *startup) flags() uint32 {
	if s.cmd.SameGroup {
		return 0
	}
	return windows.CREATE_NEW_PROCESS_GROUP
}

// inheritable makes twins of the child's handles that its start hands down. Only the
// handles listed for a start are inherited by it.
func (s *startup) inheritable() ([]syscall.Handle, error) {
	self := windows.CurrentProcess()
	handles := make([]syscall.Handle, 0, len(s.extra))
	for _, f := range s.extra {
		var twin windows.Handle
		err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &twin, 0, true, windows.DUPLICATE_SAME_ACCESS)
		if err != nil {
			return handles, fmt.Errorf("duplicate %s for the child: %w", f.Name(), err)
		}
		handles = append(handles, syscall.Handle(twin))
	}
	return handles, nil
}

func closeHandles(handles []syscall.Handle) {
	for _, h := range handles {
		_ = syscall.CloseHandle(h)
	}
}

// duplicate is a second handle of a file.
func duplicate(f *os.File) (*os.File, error) {
	self := windows.CurrentProcess()
	var twin windows.Handle
	err := windows.DuplicateHandle(self, windows.Handle(f.Fd()), self, &twin, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(twin), f.Name()), nil
}
