package procbridge

import (
	"errors"
	"os"
)

// CatchPipeSignal does nothing: there is no such signal.
func CatchPipeSignal() {}

// Detached is a process that its starter does not keep.
type Detached struct {
	Args    []string
	Env     []string
	Files   []*os.File
	Session bool
}

// StartDetached is not available: a service manager keeps programs in the background.
func StartDetached(Detached) (int, error) {
	return 0, errors.New("start a detached process: not available on Windows; run the program as a service")
}

// InitOptions is what a process 1 does beside reaping.
type InitOptions struct {
	Start   func() (pid int, err error)
	Forward []os.Signal
	Ours    func(os.Signal) bool
}

// ServeInit is never called: no process has number 1.
func ServeInit(InitOptions) (code int, err error) { return 1, nil }

// CloseOnExec does nothing: handles are inherited by name.
func CloseOnExec(*os.File) {}

// CloseInheritedOnExec does nothing: handles are inherited by name.
func CloseInheritedOnExec() {}

// ReplaceOutput is not available.
func ReplaceOutput(*os.File) error {
	return errors.New("replace stdout and stderr: not available on Windows")
}
