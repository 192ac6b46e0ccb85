//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
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
	kind   kind
	do     func(c *chaos) error
}

// kind says what may be expected when a round has only such actions.
type kind int

const (
	heavy  kind = iota // the tree changes above the workers, or the heartbeats' judge stands still
	light              // the server and the top do their work all the time
	gentle             // also, nobody ends
)

var doings = []doing{
	{"kill a worker", 4, light, (*chaos).killWorker},
	{"kill the server", 2, heavy, (*chaos).killServer},
	{"end a worker", 3, light, (*chaos).endWorker},
	{"end the server", 2, heavy, (*chaos).endServer},
	{"freeze a worker", 2, light, (*chaos).freezeWorker},
	{"freeze the server", 1, heavy, (*chaos).freezeServer},
	{"freeze the top", 1, heavy, (*chaos).freezeTop},
	{"graceful restart", 4, heavy, func(c *chaos) error { return c.toTop(syscall.SIGUSR1) }},
	{"immediate restart", 2, heavy, (*chaos).immediateRestart},
	{"live restart", 3, heavy, func(c *chaos) error { return c.toTop(syscall.SIGINT) }},
	{"good reload", 3, light, (*chaos).goodReload},
	{"bad reload", 3, gentle, (*chaos).badReload},
	{"scale", 3, light, (*chaos).scale},
	{"flood", 2, heavy, (*chaos).flood},
	{"garbage from a worker", 2, light, func(c *chaos) error { return c.garbage("worker", up) }},
	{"garbage to a worker", 1, light, func(c *chaos) error { return c.garbage("worker", down) }},
	{"garbage from the server", 1, heavy, func(c *chaos) error { return c.garbage("server", up) }},
	{"garbage to the server", 1, heavy, func(c *chaos) error { return c.garbage("server", down) }},
	{"garbage to the top", 1, gentle, (*chaos).garbageToTop},
	{"dump", 1, gentle, func(c *chaos) error { return c.toTop(syscall.SIGCONT) }},
	{"full disk", 2, light, (*chaos).fullDisk},
}

// errNobody is an action that found nobody to act on: it is not counted.
var errNobody = errors.New("nobody is there")

// round does one to three actions close together. What an action draws is its own affair:
// the sequence does not depend on what the actions find.
func (c *chaos) round() (names []string, err error) {
	c.least = gentle
	for range 1 + c.choice.IntN(3) {
		d := c.choose()
		names = append(names, d.name)
		c.least = min(c.least, d.kind)
		if err := c.act(d); err != nil {
			return names, fmt.Errorf("%s: %w", d.name, err)
		}
		time.Sleep(time.Duration(c.random.IntN(100)) * time.Millisecond) // the gap is part of what is played
	}
	return names, nil
}

func (c *chaos) choose() doing {
	var bag []doing
	for _, d := range doings {
		bag = append(bag, slices.Repeat([]doing{d}, d.weight)...)
	}
	return bag[c.choice.IntN(len(bag))]
}

func (c *chaos) act(d doing) error {
	c.random = rand.New(rand.NewPCG(c.choice.Uint64(), 0))
	line := time.Now().Format(clock) + " " + d.name
	err := d.do(c)
	if errors.Is(err, errNobody) {
		c.history = append(c.history, line+": "+err.Error())
		return nil
	}
	c.history = append(c.history, line)
	c.doings[d.name]++
	return err
}

func (c *chaos) toTop(s syscall.Signal) error { return syscall.Kill(c.cmd.Process.Pid, s) }

// worker chooses a worker of the newest server: the one at a place that the seed gives.
func (c *chaos) worker() (int, error) {
	place := c.random.IntN(1 << 16)
	t := c.tree()
	if len(t.servers) == 0 {
		return 0, errNobody
	}
	workers := t.workers[slices.Max(t.servers)]
	if len(workers) == 0 {
		return 0, errNobody
	}
	return workers[place%len(workers)], nil
}

func (c *chaos) server() (int, error) {
	t := c.tree()
	if len(t.servers) == 0 {
		return 0, errNobody
	}
	return slices.Max(t.servers), nil
}

// strike sends a signal to a process below the top, which may be gone by now: it was about
// to.
func strike(pid int, s syscall.Signal) error {
	err := syscall.Kill(pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return errNobody
	}
	return err
}

func (c *chaos) killWorker() error {
	pid, err := c.worker()
	if err != nil {
		return err
	}
	defer c.load.excuse(fmt.Sprintf("worker %d killed", pid), pid)
	return strike(pid, syscall.SIGKILL)
}

// killServer kills a server: its workers finish what they have in hand.
func (c *chaos) killServer() error {
	pid, err := c.server()
	if err != nil {
		return err
	}
	return strike(pid, syscall.SIGKILL)
}

// endWorker ends a worker by a signal to its own pid, gracefully or not.
func (c *chaos) endWorker() error {
	hard := c.random.IntN(2) == 0
	pid, err := c.worker()
	if err != nil {
		return err
	}
	if hard {
		defer c.load.excuse(fmt.Sprintf("worker %d ended", pid), pid)
		return strike(pid, syscall.SIGQUIT)
	}
	// A worker that has not caught the signal yet dies of it, without any request.
	return strike(pid, syscall.SIGTERM)
}

func (c *chaos) endServer() error {
	pid, err := c.server()
	if err != nil {
		return err
	}
	return strike(pid, syscall.SIGTERM)
}

// freeze stops a process, for a moment that it survives or for longer than its heartbeats
// allow.
func (c *chaos) freeze(pid int) error {
	long, pause := c.random.IntN(2) == 0, time.Duration(c.random.IntN(1000))*time.Millisecond // less than the time-out
	if err := strike(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	if long {
		c.frozen[pid] = true // until it is killed, or the round ends
		return nil
	}
	time.Sleep(pause)
	if err := strike(pid, syscall.SIGCONT); !errors.Is(err, errNobody) {
		return err
	}
	return nil
}

// freezeWorker may end in its death, with what it has in hand.
func (c *chaos) freezeWorker() error {
	pid, err := c.worker()
	if err != nil {
		return err
	}
	c.load.excuse(fmt.Sprintf("worker %d frozen", pid), pid)
	return c.freeze(pid)
}

// freezeServer may end in an immediate stop: a server that has missed its heartbeats is told
// to, and may go on just in time to obey.
func (c *chaos) freezeServer() error {
	pid, err := c.server()
	if err != nil {
		return err
	}
	c.load.excuseServer(fmt.Sprintf("server %d frozen", pid), pid)
	return c.freeze(pid)
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
	c.load.excuseUntilSettled("immediate restart", most)
	return c.toTop(syscall.SIGHUP)
}

// goodReload changes the configuration, and waits until the top says so: the file may
// change again right after. A number that was scaled to stays, unless the file's changes.
func (c *chaos) goodReload() error {
	if n := 1 + c.random.IntN(6); n != c.file {
		c.wanted, c.file = n, n
	}
	c.writing++
	c.message = fmt.Sprintf("message-%d", c.writing)
	c.settings = put(c.settings, setting{"workers", fmt.Sprint(c.file)})
	c.settings = put(c.settings, setting{"message", c.message})
	if err := c.reload(syscall.SIGUSR2, c.message); err != nil {
		return fmt.Errorf("the file is not taken: %w", err)
	}
	return nil
}

// badReload must change nothing, and restart nobody. The file is good again before the next
// action: what comes then may read it.
func (c *chaos) badReload() error {
	c.writing++
	c.broken = fmt.Sprintf("bad-%d", c.writing)
	err := c.reload([]syscall.Signal{syscall.SIGUSR2, syscall.SIGUSR1, syscall.SIGHUP}[c.random.IntN(3)], c.broken)
	c.broken = ""
	if err != nil {
		return fmt.Errorf("the bad file is not refused: %w", err)
	}
	return c.write()
}

// reload has the file loaded, and waits for a text in the log that tells it.
func (c *chaos) reload(by syscall.Signal, says string) error {
	if err := errors.Join(c.write(), c.toTop(by)); err != nil {
		return err
	}
	return until(patience, func() (bool, error) { return c.logged(says) > 0, nil })
}

// most is the largest number of workers that is scaled to.
const most = 8

// scale changes the number by signals. Equal signals that are pending at once are one, so
// each is waited for.
func (c *chaos) scale() error {
	up := c.random.IntN(2) == 0
	s, next := syscall.SIGTTOU, c.wanted-1
	if up || c.wanted <= 1 {
		s, next = syscall.SIGTTIN, c.wanted+1
	}
	if next > max(most, c.wanted-1) {
		return errNobody
	}
	c.wanted = next
	moment := time.Now()
	if err := c.toTop(s); err != nil {
		return err
	}
	// A CONT, by which we ask, makes the kernel forget a TTIN or TTOU that is pending.
	err := until(patience, func() (bool, error) { return !pending(c.cmd.Process.Pid, s), nil })
	if err != nil || c.guess { // after a flood it may be any number
		return err
	}
	said := -1
	err = until(patience/3, func() (bool, error) { said = c.says().wanted; return said == next, nil })
	if err != nil {
		return fmt.Errorf("%w: %d workers are wanted, and it says %d%s", err, next, said, c.logAround(moment))
	}
	return nil
}

// flood sends many signals to the top and the server. How many workers are wanted then,
// nobody knows: the kernel merges signals that are pending, and a wish from the server may
// come late. The top will say.
func (c *chaos) flood() error {
	signals := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGUSR1, syscall.SIGINT}
	c.guess = true
	for range 20 + c.random.IntN(100) {
		s, below := signals[c.random.IntN(len(signals))], c.random.IntN(4) == 0
		target := c.cmd.Process.Pid
		if pid, err := c.server(); err == nil && below && s != syscall.SIGINT && catches(pid, s) {
			target = pid // one that has just been started would stand still at a TTIN
		}
		if err := strike(target, s); err != nil && !errors.Is(err, errNobody) {
			return err
		}
		time.Sleep(time.Duration(c.random.IntN(3)) * time.Millisecond)
	}
	return nil
}

// fullDisk fills the log's file system for some hundred milliseconds.
func (c *chaos) fullDisk() error {
	pause := time.Duration(c.random.IntN(1500)) * time.Millisecond
	if !c.small {
		return errNobody
	}
	filler := filepath.Join(c.logs, "filler")
	f, err := os.Create(filler)
	if err != nil {
		return err
	}
	block := []byte(strings.Repeat("x", 4096))
	for err == nil {
		_, err = f.Write(block)
	}
	_ = f.Close() // it is full, as was to be
	// Workers are needed most when something else is wrong, too.
	if err = c.killWorker(); errors.Is(err, errNobody) {
		err = nil
	}
	time.Sleep(pause)
	return errors.Join(err, os.Remove(filler))
}
