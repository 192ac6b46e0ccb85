//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handOver starts the program as a service manager does that listens for it, and keeps the
// socket too: nobody else can open one at this address.
func (p *play) handOver() error {
	l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p.port))
	if err != nil {
		return err
	}
	defer l.Close() // p.handed is a copy
	if p.handed, err = l.(*net.TCPListener).File(); err != nil {
		return err
	}
	return p.begin()
}

// call starts a program that detaches, and waits for the caller's end.
func (p *play) call() error {
	if err := p.begin(); err != nil {
		return err
	}
	return p.awaitEnd(patience)
}

func makeSignal(w words) (action, error) {
	number := unix.SignalNum("SIG" + w["SIGNAL"])
	if number == 0 {
		return nil, fmt.Errorf("no such signal: %s", w["SIGNAL"])
	}
	return func(p *play) error {
		pids, err := p.pids(w["who"])
		if err != nil {
			return err
		}
		p.settled()
		p.act()
		for _, pid := range pids {
			err = errors.Join(err, syscall.Kill(pid, number))
		}
		return err
	}, nil
}

// settled waits until the original knows whom it has started: until then it passes nothing
// on, although they may run already.
func (p *play) settled() {
	if p.side.name != "original" {
		return
	}
	err := until(5*time.Second, func() (bool, error) {
		marks, err := readMarks(p.path("marks"))
		known := len(ofKind(marks, "after_start")) >= len(ofKind(marks, "before_fork"))
		if p.supervised && p.value("daemonize") != "true" {
			known = known && len(ofKind(marks, "server_started")) >= len(ofKind(marks, "before_run"))
		}
		return known, err
	})
	if err == nil {
		time.Sleep(50 * time.Millisecond) // it notes them right after these marks
	}
}

func makeWord(w words) (action, error) {
	return func(p *play) error {
		p.settled()
		p.act()
		_, err := fmt.Fprintln(p.stdin, w["word"])
		return err
	}, nil
}

// makeSet changes the file; whoever reads it has to be told.
func makeSet(w words) (action, error) {
	return func(p *play) error {
		p.broken = ""
		p.settings = put(p.settings, setting{w["key"], w["rest"]})
		return p.write()
	}, nil
}

func makePut(w words) (action, error) {
	return func(p *play) error {
		p.broken = strings.ReplaceAll(w["rest"], `\n`, "\n") + "\n"
		return p.write()
	}, nil
}

// moveLog does what logrotate does.
func (p *play) moveLog() error { return os.Rename(p.path("server.log"), p.path("server.log.moved")) }

// pids are the processes that a step names.
func (p *play) pids(name string) ([]int, error) {
	if name != "all workers" {
		pid, err := p.pidOf(name)
		return []int{pid}, err
	}
	var pids []int
	for id := range p.workers() {
		pid, err := p.pidOf(fmt.Sprintf("worker %d", id))
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// pidOf is one process, from what it has marked last.
func (p *play) pidOf(name string) (int, error) {
	if name == "the top" {
		return p.topPid()
	}
	marks, err := readMarks(p.path("marks"))
	if err != nil {
		return 0, err
	}
	var lives []int // of the one who is named, without "old" and "first"
	which := strings.NewReplacer("the old worker", "worker", "the old", "the", "the first", "the").Replace(name)
	for _, m := range marks {
		server := m.kind == "before_run" && which == "the server"
		worker := m.kind == "run" && which == fmt.Sprintf("worker %d", m.worker)
		if (server || worker) && !slices.Contains(lives, m.pid) {
			lives = append(lives, m.pid)
		}
	}
	i := len(lives) - 1
	switch {
	case strings.HasPrefix(name, "the old"):
		i--
	case strings.HasPrefix(name, "the first"):
		i = min(i, 0)
	}
	if i < 0 {
		return 0, fmt.Errorf("%s has not been seen", name)
	}
	return lives[i], nil
}

// topPid is the process that was started, or the daemon that it became.
func (p *play) topPid() (int, error) {
	if p.cmd == nil {
		return 0, errors.New("nothing was started")
	}
	if p.value("daemonize") != "true" {
		return p.cmd.Process.Pid, nil
	}
	b, err := os.ReadFile(p.path("server.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// workers is the number of workers in the file; the embedded one has no others.
func (p *play) workers() int {
	n, err := strconv.Atoi(p.value("workers"))
	if err != nil || p.typ == "embedded" {
		return 1
	}
	return n
}
