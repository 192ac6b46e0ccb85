package logging

import (
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

var stdHandles = [2]uint32{windows.STD_OUTPUT_HANDLE, windows.STD_ERROR_HANDLE}

// dupStd duplicates the standard handle of stdout (0) or stderr (1). A process
// without one, such as a service, gets the null device.
func dupStd(i int) (*os.File, error) {
	h, err := windows.GetStdHandle(stdHandles[i])
	if err != nil || h == 0 || h == windows.InvalidHandle {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	self := windows.CurrentProcess()
	var dup windows.Handle
	if err := windows.DuplicateHandle(self, h, self, &dup, 0, false, windows.DUPLICATE_SAME_ACCESS); err != nil {
		return nil, fmt.Errorf("keep a standard handle aside: %w", err)
	}
	return os.NewFile(uintptr(dup), [2]string{"stdout", "stderr"}[i]), nil
}

// setStd makes f the standard handle, which the runtime looks up for each panic
// trace, and the variable of package os.
func setStd(i int, f *os.File) error {
	if err := windows.SetStdHandle(stdHandles[i], windows.Handle(f.Fd())); err != nil {
		return fmt.Errorf("capture a standard handle: %w", err)
	}
	if i == 0 {
		os.Stdout = f
	} else {
		os.Stderr = f
	}
	return nil
}

// openAppend opens path so that it can be renamed while it is open.
func openAppend(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, windows.FILE_APPEND_DATA|windows.FILE_READ_ATTRIBUTES|windows.SYNCHRONIZE,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_ALWAYS, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// fileState returns f's size; that a file is gone is seen by its path here.
func fileState(f *os.File) (size int64, gone bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, false, err
	}
	return info.Size(), false, nil
}
