//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// inspect looks at a settled tree from outside: what has to hold whatever has happened.
// before is the tree before the round. A restart may begin just now, so what is seen once is
// not enough: only what stays.
func (c *chaos) inspect(before tree) error {
	lasting := func(check func() error) error {
		var problem error
		_ = until(10*time.Second, func() (bool, error) { problem = check(); return problem == nil, nil }) // problem says it
		return problem
	}
	return errors.Join(
		c.inspectSocket(), lasting(c.inspectSlots), lasting(c.inspectAnswers), c.inspectSame(before),
		lasting(c.inspectPipes), lasting(c.inspectFiles), lasting(c.inspectNumber), lasting(c.inspectZombies),
		c.inspectLog(), c.inspectOutput(), c.removeOldDumps())
}

// inspectSlots: each slot has one worker, in the view of the top and in /proc.
func (c *chaos) inspectSlots() error {
	s, t := c.says(), c.tree()
	var pids []int
	for slot := range c.wanted {
		pids = append(pids, s.slots[slot]) // 0 for none
	}
	var there []int
	for _, workers := range t.workers {
		there = append(there, workers...)
	}
	slices.Sort(pids)
	slices.Sort(there)
	if s.lives != c.wanted || !slices.Equal(pids, there) {
		return fmt.Errorf("workers by slot are %v, and there are the processes %v", s.slots, there)
	}
	return nil
}

// inspectAnswers: workers have the configuration that was taken last.
func (c *chaos) inspectAnswers() error {
	for range 3 {
		if b, err := request(c.port); err != nil || !strings.Contains(b, ": "+c.message+"\n") {
			return fmt.Errorf("the answer is %q (%w), wanted is %s", b, errors.Join(err), c.message)
		}
	}
	return nil
}

// inspectSame: where nothing was done that could end anybody, nobody ended.
func (c *chaos) inspectSame(before tree) error {
	if now := c.tree(); c.least == gentle && !reflect.DeepEqual(before, now) {
		return fmt.Errorf("processes were %v and are %v", before, now)
	}
	return nil
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

// kin is a process that the top or a server has started, and what it was told.
type kin struct {
	pid, parent int
	grant       grant
}

// everybody is all servers and workers. One that is just being started is an error.
func (c *chaos) everybody() (all []kin, err error) {
	t := c.tree()
	for _, server := range t.servers {
		g, err := grantOf(server, "server")
		if err != nil {
			return nil, fmt.Errorf("server %d: %w", server, err)
		}
		all = append(all, kin{server, c.cmd.Process.Pid, g})
		for _, worker := range t.workers[server] {
			g, err := grantOf(worker, "worker")
			if err != nil {
				return nil, fmt.Errorf("worker %d: %w", worker, err)
			}
			all = append(all, kin{worker, server, g})
		}
	}
	return all, nil
}

// inspectPipes: nobody but the parent holds the other end of a life-line, or of the pipe
// up; nobody but the top that of what a process prints.
func (c *chaos) inspectPipes() error {
	all, err := c.everybody()
	if err != nil {
		return err
	}
	top := c.cmd.Process.Pid
	ends := map[string][]int{} // pipe → who holds an end
	for _, pid := range append([]int{top}, inhabitants(c.dir)...) {
		for _, d := range descriptors(pid) {
			ends[d.target] = append(ends[d.target], pid)
		}
	}
	for _, k := range all {
		for fd, other := range map[int]int{k.grant.Down: k.parent, k.grant.Up: k.parent, 1: top, 2: top} {
			pipe, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", k.pid, fd))
			if err != nil {
				return fmt.Errorf("descriptor %d of %d: %w", fd, k.pid, err)
			}
			holders := ends[pipe]
			if !slices.Contains(holders, other) || slices.ContainsFunc(holders, func(pid int) bool { return pid != k.pid && pid != other }) {
				return fmt.Errorf("descriptor %d of %d, %s, is held by %v: the other end is %d's alone", fd, k.pid, pipe, holders, other)
			}
		}
	}
	return nil
}

// inspectFiles: nobody but the top has the log open.
func (c *chaos) inspectFiles() error {
	for _, pid := range inhabitants(c.dir) {
		for _, d := range descriptors(pid) {
			if pid != c.cmd.Process.Pid && strings.HasPrefix(d.target, c.logs) {
				return fmt.Errorf("process %d has %s open", pid, d.target)
			}
		}
	}
	return nil
}

// counts are numbers of descriptors: of the top, and the largest of a server and a worker.
type counts struct{ top, server, worker int }

func (c *chaos) count() counts {
	n := counts{top: len(descriptors(c.cmd.Process.Pid))}
	t := c.tree()
	for _, server := range t.servers {
		n.server = max(n.server, len(descriptors(server)))
		for _, worker := range t.workers[server] {
			n.worker = max(n.worker, len(descriptors(worker)))
		}
	}
	return n
}

// inspectNumber: descriptors do not grow in number.
func (c *chaos) inspectNumber() error {
	const perWorker, spare = 8, 10 // pipes of a worker; a dump's file, a connection and the like
	more := perWorker * max(0, c.wanted-c.workers)
	n := c.count()
	if n.top > c.usual.top+more+spare || n.server > c.usual.server+more+spare || n.worker > c.usual.worker+c.clients+spare {
		return fmt.Errorf("descriptors for %d workers are %+v, and were %+v for %d", c.wanted, n, c.usual, c.workers)
	}
	return nil
}

// inspectZombies: whoever has ended is reaped soon.
func (c *chaos) inspectZombies() error {
	if left := zombies(c.cmd.Process.Pid, c.tree().servers); len(left) > 0 {
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

// crash is what a Go program prints when it breaks.
var crash = regexp.MustCompile(`panic: |fatal error: |DATA RACE|unexpected fault address|goroutine stack exceeds`)

// inspectOutput: no process has crashed by itself.
func (c *chaos) inspectOutput() error {
	names, err := filepath.Glob(filepath.Join(c.logs, "server*.log"))
	if err != nil {
		return err
	}
	for _, name := range append(names, filepath.Join(c.dir, "output")) {
		b, err := os.ReadFile(name)
		if err != nil {
			continue // rotated away
		}
		if found := crash.FindIndex(b); found != nil {
			return fmt.Errorf("%s has %q", filepath.Base(name), b[max(0, found[0]-200):min(len(b), found[0]+2000)])
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
		for line := range strings.SplitSeq(dumped.ReplaceAllString(string(b), ""), "\n") {
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
