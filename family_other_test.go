//go:build unix && !linux

package serverengine_test

import "syscall"

// family lists the processes of a tree that the log told of and that are there.
func (tr *tree) family() []int {
	pids := map[int]bool{tr.pid: true}
	for _, r := range tr.log.read() {
		if r.WorkerPid > 0 {
			pids[r.WorkerPid] = true
		}
	}
	var left []int
	for pid := range pids {
		if syscall.Kill(pid, 0) == nil && (pid != tr.pid || tr.running()) {
			left = append(left, pid)
		}
	}
	return left
}
