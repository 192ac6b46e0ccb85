//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// doing is an action: its weight says how often it is chosen.
type doing struct {
	name   string
	weight int
	do     func(c *chaos) error
}

var doings = []doing{
	{"kill a worker", 4, (*chaos).killWorker},
	{"kill the server", 2, (*chaos).killServer},
	{"end a worker", 3, (*chaos).endWorker},
	{"end the server", 2, (*chaos).endServer},
	{"freeze a worker", 2, (*chaos).freezeWorker},
	{"freeze the server", 1, (*chaos).freezeServer},
	{"freeze the top", 1, (*chaos).freezeTop},
	{"graceful restart", 4, func(c *chaos) error { return c.toTop(syscall.SIGUSR1) }},
	{"immediate restart", 2, (*chaos).immediateRestart},
	{"live restart", 3, func(c *chaos) error { return c.toTop(syscall.SIGINT) }},
	{"good reload", 3, (*chaos).goodReload},
	{"bad reload", 3, (*chaos).badReload},
	{"scale", 3, (*chaos).scale},
	{"flood", 2, (*chaos).flood},
	{"garbage from a worker", 2, (*chaos).workerGarbage},
	{"garbage from the server", 1, (*chaos).serverGarbage},
	{"dump", 1, func(c *chaos) error { return c.toTop(syscall.SIGCONT) }},
	{"full disk", 2, (*chaos).fullDisk},
}

// round does one to three actions close together.
func (c *chaos) round() (names []string, err error) {
	var bag []doing
	for _, d := range doings {
		for range d.weight {
			bag = append(bag, d)
		}
	}
	for range 1 + c.random.IntN(3) {
		d := bag[c.random.IntN(len(bag))]
		names = append(names, d.name)
		c.doings[d.name]++
		c.history = append(c.history, time.Now().Format(clock)+" "+d.name)
		if err := d.do(c); err != nil {
			return names, fmt.Errorf("%s: %w", d.name, err)
		}
		time.Sleep(time.Duration(c.random.IntN(100)) * time.Millisecond) // the gap is part of what is played
	}
	return names, nil
}

func (c *chaos) toTop(s syscall.Signal) error { return syscall.Kill(c.cmd.Process.Pid, s) }

// worker chooses a worker of the newest server: the one at a place that the seed gives.
func (c *chaos) worker() (pid int, ok bool) {
	place := c.random.IntN(1 << 16)
	t := c.tree()
	if len(t.servers) == 0 {
		return 0, false
	}
	workers := t.workers[slices.Max(t.servers)]
	if len(workers) == 0 {
		return 0, false
	}
	return workers[place%len(workers)], true
}

func (c *chaos) server() (pid int, ok bool) {
	t := c.tree()
	if len(t.servers) == 0 {
		return 0, false
	}
	return slices.Max(t.servers), true
}

// strike sends a signal to a process below the top. It may be gone by now, which is no
// failure: it was about to.
func strike(pid int, s syscall.Signal) error {
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

func (c *chaos) killWorker() error {
	pid, ok := c.worker()
	if !ok {
		return nil
	}
	defer c.load.excuse(fmt.Sprintf("worker %d killed", pid), pid)
	return strike(pid, syscall.SIGKILL)
}

// killServer kills a server: its workers finish what they have in hand.
func (c *chaos) killServer() error {
	if pid, ok := c.server(); ok {
		return strike(pid, syscall.SIGKILL)
	}
	return nil
}

// endWorker ends a worker by a signal to its own pid, gracefully or not.
func (c *chaos) endWorker() error {
	hard := c.random.IntN(2) == 0
	pid, ok := c.worker()
	if !ok {
		return nil
	}
	if hard {
		defer c.load.excuse(fmt.Sprintf("worker %d ended", pid), pid)
		return strike(pid, syscall.SIGQUIT)
	}
	// A worker that has not caught the signal yet dies of it, without any request.
	return strike(pid, syscall.SIGTERM)
}

func (c *chaos) endServer() error {
	if pid, ok := c.server(); ok {
		return strike(pid, syscall.SIGTERM)
	}
	return nil
}

// freeze stops a process, for a moment that it survives or for longer than its heartbeats
// allow.
func (c *chaos) freeze(pid int) error {
	if err := strike(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	if c.random.IntN(2) == 0 {
		c.frozen[pid] = true // until it is killed, or the round ends
		return nil
	}
	time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond) // less than the time-out
	return strike(pid, syscall.SIGCONT)
}

func (c *chaos) freezeWorker() error {
	pid, ok := c.worker()
	if !ok {
		return nil
	}
	c.load.excuseLong(fmt.Sprintf("worker %d frozen", pid), pid)
	return c.freeze(pid)
}

func (c *chaos) freezeServer() error {
	if pid, ok := c.server(); ok {
		return c.freeze(pid)
	}
	return nil
}

// freezeTop is a machine that stands still: nobody may be judged by the lost time.
func (c *chaos) freezeTop() error {
	pause := time.Duration(c.random.IntN(3000)) * time.Millisecond
	if err := c.toTop(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(pause)
	return c.toTop(syscall.SIGCONT)
}

// immediateRestart kills all workers by definition.
func (c *chaos) immediateRestart() error {
	c.load.excuseUntilSettled("immediate restart")
	return c.toTop(syscall.SIGHUP)
}

// goodReload changes the configuration, and waits until the top says so: the file may
// change again right after. A number that was scaled to stays, unless the file's changes.
func (c *chaos) goodReload() error {
	if n := 1 + c.random.IntN(6); n != c.file {
		c.wanted, c.file = n, n
	}
	c.writing++
	message := fmt.Sprintf("message-%d", c.writing)
	c.settings = put(c.settings, setting{"workers", fmt.Sprint(c.file)})
	c.settings = put(c.settings, setting{"message", message})
	if err := c.reload(message); err != nil {
		return fmt.Errorf("the file is not taken: %w", err)
	}
	return nil
}

// badReload must change nothing. The file is good again before the next action: what comes
// then may read it.
func (c *chaos) badReload() error {
	c.writing++
	c.broken = fmt.Sprintf("bad-%d", c.writing)
	err := c.reload(c.broken)
	c.broken = ""
	if err != nil {
		return fmt.Errorf("the bad file is not refused: %w", err)
	}
	return c.write()
}

// reload has the file loaded, and waits for a text in the log that tells it.
func (c *chaos) reload(says string) error {
	if err := errors.Join(c.write(), c.toTop(syscall.SIGUSR2)); err != nil {
		return err
	}
	return until(patience, func() (bool, error) { return c.logged(says) > 0, nil })
}

// scale changes the number by signals. Equal signals that are pending at once are one, so
// each is waited for.
func (c *chaos) scale() error {
	up := c.random.IntN(2) == 0
	s, next := syscall.SIGTTOU, c.wanted-1
	if up || c.wanted <= 1 {
		s, next = syscall.SIGTTIN, c.wanted+1
	}
	if c.wanted >= 8 && next > c.wanted {
		return nil
	}
	c.wanted = next
	return c.toTop(s)
}

// flood sends many signals to the top and the server. How many workers are wanted then,
// nobody knows: the kernel merges signals that are pending, and a wish from the server may
// come late. The top will say.
func (c *chaos) flood() error {
	signals := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1, syscall.SIGINT}
	for range 20 + c.random.IntN(100) {
		s, below := signals[c.random.IntN(len(signals))], c.random.IntN(4) == 0
		target := c.cmd.Process.Pid
		if pid, ok := c.server(); ok && below && s != syscall.SIGINT {
			target = pid
		}
		if err := strike(target, s); err != nil {
			return err
		}
		time.Sleep(time.Duration(c.random.IntN(3)) * time.Millisecond)
	}
	c.guess = true
	return nil
}

// workerGarbage writes into the pipe by which a worker speaks to its server.
func (c *chaos) workerGarbage() error {
	garbage := c.garbage()
	pid, ok := c.worker()
	if !ok {
		return nil
	}
	defer c.load.excuse(fmt.Sprintf("worker %d speaks garbage", pid), pid)
	return speakGarbage(pid, garbage)
}

func (c *chaos) serverGarbage() error {
	garbage := c.garbage()
	if pid, ok := c.server(); ok {
		return speakGarbage(pid, garbage)
	}
	return nil
}

// garbage is one of several kinds of what is no frame, see the wire in package procbridge.
func (c *chaos) garbage() []byte {
	switch c.random.IntN(4) {
	case 0: // text, as a stray print writes it
		return []byte("hello, world\n")
	case 1: // too long a frame
		return binary.BigEndian.AppendUint32([]byte{'S', 'E', 1, 66}, 1<<31)
	case 2: // a frame that has no JSON
		return append(binary.BigEndian.AppendUint32([]byte{'S', 'E', 1, 64}, 4), "{{{{"...)
	default:
		b := make([]byte, 1+c.random.IntN(200))
		for i := range b {
			b[i] = byte(c.random.IntN(256))
		}
		return b
	}
}

// speakGarbage opens a process's own end of its pipe from outside.
func speakGarbage(pid int, garbage []byte) error {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil // it is gone
	}
	for v := range strings.SplitSeq(string(env), "\x00") {
		text, ours := strings.CutPrefix(v, "SERVERENGINE_BRIDGE=")
		if !ours {
			continue
		}
		var grant struct{ Up int }
		if err := json.Unmarshal([]byte(text), &grant); err != nil {
			return err
		}
		f, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/%d", pid, grant.Up), os.O_WRONLY, 0)
		if err != nil {
			return nil // it is gone
		}
		defer f.Close()
		_, _ = f.Write(garbage) // the other end is gone, at worst
	}
	return nil
}

// fullDisk fills the log's file system for some hundred milliseconds.
func (c *chaos) fullDisk() error {
	pause := time.Duration(c.random.IntN(1500)) * time.Millisecond
	if !c.small {
		return nil
	}
	filler := filepath.Join(c.logs, "filler")
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	_ = f.Close() // it is full, as was to be
	// Workers are needed most when something else is wrong, too.
	err = c.killWorker()
	time.Sleep(pause)
	return errors.Join(err, os.Remove(filler))
}
