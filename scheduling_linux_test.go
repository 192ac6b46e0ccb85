package serverengine_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// All threads of worker processes, and nothing else, are scheduled under the policy that the
// configuration comes to.
func TestSchedulingPolicyOfWorkers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings keys
		want     uint32
	}{
		{"batch", keys{"worker_scheduling_policy": "batch"}, unix.SCHED_BATCH},
		{"usual", keys{"socket_reuseport": false}, unix.SCHED_NORMAL},
		{"auto, more sockets than cores", keys{"socket_reuseport": true, "workers": runtime.NumCPU() + 1}, unix.SCHED_BATCH},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := start(t, "turns", with(keys{"worker_type": "process", "workers": 2, "address": "127.0.0.1:0"}, c.settings))
			n := 2
			if v, ok := c.settings["workers"].(int); ok {
				n = v
			}
			for slot, l := range tr.serving(n) {
				for tid, policy := range policies(t, l.pid) {
					if policy != c.want {
						t.Errorf("thread %d of worker %d has policy %d, want %d", tid, slot, policy, c.want)
					}
				}
			}
			for tid, policy := range policies(t, tr.pid) {
				if policy != unix.SCHED_NORMAL {
					t.Errorf("thread %d of the server has policy %d", tid, policy)
				}
			}
		})
	}
}

// policies are those of a process's threads.
func policies(t *testing.T, pid int) map[int]uint32 {
	t.Helper()
	tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[int]uint32{}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		attr, err := unix.SchedGetAttr(tid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			t.Fatal(fmt.Errorf("policy of thread %d: %w", tid, err))
		}
		found[tid] = attr.Policy
	}
	return found
}
