package procbridge

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// descriptors are this process's open files, without those of the poller.
func descriptors(t *testing.T) []string {
	t.Helper()
	return openFiles(os.Getpid())
}

func openFiles(pid int) []string {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		link, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err == nil && !strings.HasPrefix(link, "anon_inode:[event") {
			out = append(out, e.Name()+"="+link)
		}
	}
	return out
}

// offspring are the processes that have this one as parent, zombies too.
func offspring(t *testing.T) []int {
	t.Helper()
	var out []int
	for _, pid := range allPids() {
		if parentOf(pid) == os.Getpid() {
			out = append(out, pid)
		}
	}
	return out
}

func allPids() (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, n := range names {
		if pid, err := strconv.Atoi(filepath.Base(n)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// parentOf is 0 for a process that is gone.
func parentOf(pid int) int {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	ppid, _ := strconv.Atoi(fields[1])
	return ppid
}

// alive reports whether a process runs: a zombie does not.
func alive(pid int) bool {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}
