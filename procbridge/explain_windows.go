package procbridge

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// diagnose says in words what a Windows error means for a start.
func diagnose(err error, s subject, _ fs.FileMode) (problem, hint string) {
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND), errors.Is(err, windows.ERROR_PATH_NOT_FOUND):
		return "does not exist", ""
	case errors.Is(err, windows.ERROR_BAD_EXE_FORMAT), errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH):
		return aboutFormat(s.file())
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return "access is denied", ""
	}
	return err.Error(), ""
}
