package procbridge

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// asBatch runs a start whose child is to be scheduled under SCHED_BATCH. The child inherits
// it from the thread that starts it, and so do all its threads; set from outside, it would
// miss those the child has made by then. A thread under another policy than the usual one is
// left alone: somebody has chosen that. Where the system refuses, the start goes on without.
func asBatch(start func() (*os.Process, error)) (*os.Process, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil || attr.Policy != unix.SCHED_NORMAL {
		return start()
	}
	batch := *attr
	batch.Policy = unix.SCHED_BATCH
	if err := unix.SchedSetAttr(0, &batch, 0); err != nil {
		return start()
	}
	defer func() { _ = unix.SchedSetAttr(0, attr, 0) }() // what it was a moment ago
	return start()
}
