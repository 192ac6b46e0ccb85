package procbridge

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// catchPipeSignal has nothing to do: writing to a broken pipe is an error and no more.
func catchPipeSignal() {}

func checkPipe(n uintptr, name string) error {
	kind, err := windows.GetFileType(windows.Handle(n))
	if err != nil {
		return fmt.Errorf("handle %d (%s): %w", n, name, err)
	}
	if kind != windows.FILE_TYPE_PIPE {
		return fmt.Errorf("handle %d (%s) is not a pipe", n, name)
	}
	return nil
}

func checkFile(n uintptr, name string) error {
	if _, err := windows.GetFileType(windows.Handle(n)); err != nil {
		return fmt.Errorf("handle %d (%s): %w", n, name, err)
	}
	return nil
}

// takeFile makes a handle this process's own: its children do not inherit it.
func takeFile(n uintptr, name string) (*os.File, error) {
	if err := windows.SetHandleInformation(windows.Handle(n), windows.HANDLE_FLAG_INHERIT, 0); err != nil {
		return nil, fmt.Errorf("handle %d (%s): %w", n, name, err)
	}
	return os.NewFile(n, name), nil
}
