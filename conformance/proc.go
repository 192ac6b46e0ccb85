//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// patience bounds every wait that says nothing else: the machine may be busy.
const patience = 30 * time.Second

// errNever is the end of a wait.
var errNever = errors.New("it did not happen in time")

// until polls until is reports true. There is nothing to be notified by: what it looks at
// belongs to other programs.
func until(limit time.Duration, is func() (bool, error)) error {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errNever
		}
		<-tick.C
	}
}

// inhabitants are the processes whose working directory is dir: everything that a play has
// started is one, whoever its parent is by now.
func inhabitants(dir string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cwd, err := os.Readlink(filepath.Join("/proc", e.Name(), "cwd")); err == nil && cwd == dir {
			pids = append(pids, pid)
		}
	}
	return pids
}

// sweep kills everything that lives in dir.
func sweep(dir string) error {
	return until(10*time.Second, func() (bool, error) {
		pids := inhabitants(dir)
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone, at best
		}
		return len(pids) == 0, nil
	})
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	state := statField(pid, 0)
	return state != "" && state != "Z" && state != "X"
}

// statField is a field of /proc/<pid>/stat, counted from the one behind the name.
func statField(pid, n int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(b[bytes.LastIndexByte(b, ')'):]), " ")
	fields := strings.Fields(rest)
	if !ok || n >= len(fields) {
		return ""
	}
	return fields[n]
}

// pending tells whether a process has yet to take a signal that was sent to it.
func pending(pid int, s syscall.Signal) bool { return inMask(pid, "ShdPnd", s) }

// catches tells whether a process has a handler for a signal.
func catches(pid int, s syscall.Signal) bool { return inMask(pid, "SigCgt", s) }

func inMask(pid int, name string, s syscall.Signal) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if mask, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
			return err == nil && n&(1<<(s-1)) != 0
		}
	}
	return false
}

// title is what ps shows as the command.
func title(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(bytes.ReplaceAll(b, []byte{0}, []byte{' '})))
}

// statusLine is a line of /proc/<pid>/status, for example "Uid".
func statusLine(pid int, name string) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}
