//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// inspect looks at a settled tree from outside: what has to hold whatever has happened.
func (c *chaos) inspect() error {
	return errors.Join(c.inspectSocket(), c.inspectDescriptors(), c.inspectNumber(), c.inspectZombies(), c.inspectLog(), c.removeOldDumps())
}

// inspectSocket: a listening socket lives as long as the top.
func (c *chaos) inspectSocket() error {
	inode, err := listeningSocket(c.port)
	if err == nil && inode != c.socket {
		err = errors.New("the listening socket is another one")
	}
	return err
}

// descriptor is an open file of a process.
type descriptor struct {
	pid    int
	number string
	target string
	writes bool
}

func descriptors(pid int) []descriptor {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // gone, or going
	}
	var all []descriptor
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			continue
		}
		all = append(all, descriptor{pid: pid, number: e.Name(), target: target, writes: writes(pid, e.Name())})
	}
	return all
}

func writes(pid int, fd string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, fd))
	if err != nil {
		return false
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if flags, ok := strings.CutPrefix(line, "flags:"); ok {
			flags = strings.TrimSpace(flags)
			last := flags[len(flags)-1]
			return last == '1' || last == '2' || last == '5' || last == '6'
		}
	}
	return false
}

// inspectDescriptors: nobody but the parent holds the other end of a life-line, and nobody
// but the top has the log open.
func (c *chaos) inspectDescriptors() error {
	top := c.cmd.Process.Pid
	writers := map[string][]int{} // pipe → who holds its writing end
	var lines []descriptor        // reading ends of life-lines
	for _, pid := range inhabitants(c.dir) {
		for _, d := range descriptors(pid) {
			if d.writes && strings.HasPrefix(d.target, "pipe:") {
				writers[d.target] = append(writers[d.target], pid)
			}
			if d.number == "3" && pid != top && strings.HasPrefix(d.target, "pipe:") {
				lines = append(lines, d)
			}
			if pid != top && strings.HasPrefix(d.target, c.logs) {
				return fmt.Errorf("process %d has %s open", pid, d.target)
			}
		}
	}
	for _, d := range lines {
		holders, parent := writers[d.target], parentOf(d.pid)
		if parent != 0 && slices.ContainsFunc(holders, func(pid int) bool { return pid != parent }) {
			return fmt.Errorf("the life-line of %d is held by %v, its parent is %d", d.pid, holders, parent)
		}
	}
	return nil
}

// inspectNumber: the top's descriptors do not grow in number. What a restart that has just
// ended has left goes soon.
func (c *chaos) inspectNumber() error {
	const perWorker, spare = 8, 10 // pipes of a worker; a dump's file, a connection and the like
	count := 0
	err := until(10*time.Second, func() (bool, error) {
		count = len(descriptors(c.cmd.Process.Pid))
		return count <= c.fds+perWorker*max(0, c.wanted-c.workers)+spare, nil
	})
	if err != nil {
		return fmt.Errorf("the top has %d descriptors for %d workers, and had %d for %d", count, c.wanted, c.fds, c.workers)
	}
	return nil
}

// inspectZombies: whoever has ended is reaped soon.
func (c *chaos) inspectZombies() error {
	var left []string
	err := until(5*time.Second, func() (bool, error) {
		left = zombies(c.cmd.Process.Pid, c.tree().servers)
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("zombies: %v", left)
	}
	return nil
}

// zombies are the ended children of these processes.
func zombies(top int, servers []int) []string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(fields) < 2 || fields[0] != "Z" {
			continue
		}
		for _, parent := range append(servers, top) {
			if fields[1] == fmt.Sprint(parent) {
				all = append(all, e.Name())
			}
		}
	}
	return all
}

// logLine is the shape of every line that is the engine's. A dump or a panic of a worker
// may follow as lines of the same shape.
var logLine = regexp.MustCompile(`^[TDIWEFA], \[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+\] +[A-Z]+ -- : `)

// inspectLog: no line is torn, also when the disk was full. The last line may be under way.
func (c *chaos) inspectLog() error {
	names, err := filepath.Glob(filepath.Join(c.logs, "server*.log"))
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // rotated away
		}
		lines := strings.Split(string(b), "\n")
		for _, line := range lines[:len(lines)-1] {
			if !logLine.MatchString(line) {
				return fmt.Errorf("%s has the line %q", filepath.Base(name), line)
			}
		}
	}
	return nil
}

// logAround is what was done and logged around a moment.
func (c *chaos) logAround(moment time.Time) string {
	text := "\n--- around " + moment.Format(clock) + "\n"
	for _, line := range c.history {
		if near(line[:len(clock)], clock, moment, 3*time.Second) {
			text += line + "\n"
		}
	}
	names, _ := filepath.Glob(filepath.Join(c.logs, "server*.log")) // the pattern is good
	const stamp = "2006-01-02T15:04:05.000000"
	for _, name := range names {
		b, _ := os.ReadFile(name) // rotated away, at worst
		for line := range strings.SplitSeq(string(b), "\n") {
			if len(line) > 4+len(stamp) && near(line[4:4+len(stamp)], stamp, moment, 500*time.Millisecond) {
				text += line + "\n"
			}
		}
	}
	return text
}

// near compares the time of day.
func near(text, layout string, moment time.Time, by time.Duration) bool {
	t, err := time.ParseInLocation(layout, text, time.Local)
	if err != nil {
		return false
	}
	t = time.Date(moment.Year(), moment.Month(), moment.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.Local)
	return t.Sub(moment).Abs() <= by
}

// logged counts a text, in the log and in what was rotated away.
func (c *chaos) logged(text string) int {
	names, _ := filepath.Glob(filepath.Join(c.logs, "server*.log")) // the pattern is good
	n := 0
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil {
			n += strings.Count(string(b), text)
		}
	}
	return n
}

func (c *chaos) removeOldDumps() error {
	names, err := filepath.Glob(filepath.Join(c.dir, "sigdump-*"))
	for _, name := range names {
		_ = os.Remove(name) // written anew by the next dump
	}
	return err
}
