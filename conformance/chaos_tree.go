//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tree is what /proc shows of the processes.
type tree struct {
	servers []int         // children of the top
	workers map[int][]int // children of each server, oldest first
	others  []int         // of this directory, and of neither kind
}

func (c *chaos) tree() tree {
	t := tree{workers: map[int][]int{}}
	top := c.cmd.Process.Pid
	pids := inhabitants(c.dir)
	for _, pid := range pids {
		if parentOf(pid) == top {
			t.servers = append(t.servers, pid)
		}
	}
	for _, pid := range pids {
		switch parent := parentOf(pid); {
		case pid == top || parent == top:
		case slices.Contains(t.servers, parent):
			t.workers[parent] = append(t.workers[parent], pid)
		default:
			t.others = append(t.others, pid)
		}
	}
	slices.Sort(t.servers)
	return t
}

// parentOf is the parent's pid, 0 if the process is gone.
func parentOf(pid int) int {
	n, _ := strconv.Atoi(statField(pid, 1)) // empty is 0
	return n
}

// settle waits until the tree is as it shall be: one server with all wanted workers, and
// nobody else. What we froze is thawed first.
func (c *chaos) settle() error {
	why, still := "", 0
	thaw := time.Now().Add(4 * time.Second)
	if c.least != heavy {
		thaw = thaw.Add(8 * time.Second) // by then heartbeats have decided, on a busy machine too
	}
	err := until(patience, func() (bool, error) {
		select {
		case <-c.ended:
			return false, fmt.Errorf("the top has ended with code %d", c.exit)
		default:
		}
		if time.Now().After(thaw) {
			if err := c.thaw(); err != nil {
				return false, err
			}
		}
		if why = c.unsettled(); why != "" {
			still = 0
			return false, nil
		}
		still++ // a restart that is about to begin shows between two looks
		return still > 3, nil
	})
	if why != "" && err != nil {
		err = fmt.Errorf("it does not settle: %s", why)
	}
	c.guess = false
	clear(c.frozen)
	clear(c.condemned)
	if c.load != nil {
		c.load.look(true)
	}
	return err
}

// unsettled says what is not as it shall be.
func (c *chaos) unsettled() string {
	t := c.tree()
	if len(t.servers) != 1 {
		return fmt.Sprintf("there are %d servers", len(t.servers))
	}
	workers := t.workers[t.servers[0]]
	if c.guess {
		if c.wanted = c.says().wanted; c.wanted == 0 {
			_ = c.toTop(syscall.SIGTTIN) // it has ended, at worst: that is seen elsewhere
			return "nobody is wanted"
		}
	}
	switch frozen := func(pid int) bool { return c.frozen[pid] }; {
	case len(workers) != c.wanted:
		return fmt.Sprintf("there are %d workers, wanted are %d", len(workers), c.wanted)
	case len(t.others) > 0:
		return fmt.Sprintf("%v are nobody's children", t.others)
	case slices.ContainsFunc(workers, frozen) || frozen(t.servers[0]):
		return "somebody is frozen"
	case slices.ContainsFunc(append(workers, t.servers...), func(pid int) bool { return c.condemned[pid] }):
		return fmt.Sprintf("who spoke garbage lives: %v", c.condemned)
	}
	return c.status()
}

// thaw continues what is still frozen: nobody was left to kill it. Where there was, that is
// an error.
func (c *chaos) thaw() error {
	var left []int
	for pid := range c.frozen {
		if statField(pid, 0) == "T" && slices.Contains(inhabitants(c.dir), pid) {
			_ = syscall.Kill(pid, syscall.SIGCONT) // gone, at best
			left = append(left, pid)
		}
		delete(c.frozen, pid)
	}
	if c.least != heavy && len(left) > 0 {
		return fmt.Errorf("%v did not move, and nobody replaced it", left)
	}
	return nil
}

var lifePattern = regexp.MustCompile(`worker (\d+), \d+\.\d+\.\d+ \(pid (\d+)\): ready`)

var statusPattern = regexp.MustCompile(`\(pid (\d+)\): (\w+), configuration \d+, (\d+) of (\d+) workers ready`)

// statement is what the top says of itself.
type statement struct {
	text          string
	state         string
	ready, wanted int
	slots         map[int]int // slot → pid of those that are ready
	lives         int         // ready
}

// status says what is not as it shall be in the view of the top.
func (c *chaos) status() string {
	s := c.says()
	if s.state != "running" || s.ready != c.wanted || s.wanted != c.wanted {
		return fmt.Sprintf("the top says %q; wanted are %d", s.text, c.wanted)
	}
	return ""
}

// says asks the top, by a dump.
func (c *chaos) says() statement {
	name := filepath.Join(c.dir, fmt.Sprintf("sigdump-%d.log", c.cmd.Process.Pid))
	_ = os.Remove(name) // an old one
	if err := c.toTop(syscall.SIGCONT); err != nil {
		return statement{text: err.Error()}
	}
	var b []byte
	var found []string
	err := until(2*time.Second, func() (bool, error) {
		b, _ = os.ReadFile(name) // not there yet, or in part
		found = statusPattern.FindStringSubmatch(string(b))
		return found != nil && bytes.Contains(b, []byte("\nGoroutines: ")), nil
	})
	if err != nil {
		return statement{text: "nothing"}
	}
	s := statement{text: found[0], state: found[2], slots: map[int]int{}}
	s.ready, _ = strconv.Atoi(found[3])  // the pattern has digits only
	s.wanted, _ = strconv.Atoi(found[4]) // likewise
	for _, life := range lifePattern.FindAllSubmatch(b, -1) {
		slot, _ := strconv.Atoi(string(life[1]))
		s.slots[slot], _ = strconv.Atoi(string(life[2]))
		s.lives++
	}
	return s
}

// listeningSocket is the inode of the socket that listens on a port.
func listeningSocket(port int) (string, error) {
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	local := fmt.Sprintf("0100007F:%04X", port)
	for line := range strings.SplitSeq(string(b), "\n") {
		fields := strings.Fields(line)
		if len(fields) > 9 && fields[1] == local && fields[3] == "0A" {
			return fields[9], nil
		}
	}
	return "", fmt.Errorf("nobody listens on port %d", port)
}
