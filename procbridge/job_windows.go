package procbridge

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// newJob makes a job object that kills its processes when its last handle is closed: by
// us, or by the system at our own end.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, fmt.Errorf("create a job object: %w", err)
	}
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, fmt.Errorf("set up a job object: %w", err)
	}
	return job, nil
}

// enter puts a process into its job, and gives 0 where that fails: the process has ended,
// or it is in a job that allows no other; it is then killed alone. What it starts before
// this line escapes the job; a Go program has not come to its main by then.
func enter(job windows.Handle, proc *os.Process) windows.Handle {
	var err error
	if handleErr := proc.WithHandle(func(h uintptr) {
		err = windows.AssignProcessToJobObject(job, windows.Handle(h))
	}); handleErr != nil {
		err = handleErr
	}
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0
	}
	return job
}
