//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

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
		p.act()
		for _, pid := range pids {
			err = errors.Join(err, syscall.Kill(pid, number))
		}
		return err
	}, nil
}

func makeWord(w words) (action, error) {
	return func(p *play) error {
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
	var servers []int
	pid := 0
	for _, m := range marks {
		switch {
		case m.kind == "before_run":
			servers = append(servers, m.pid)
		case m.kind == "run" && name == fmt.Sprintf("worker %d", m.worker):
			pid = m.pid
		}
	}
	switch n := len(servers); {
	case name == "the server" && n > 0:
		pid = servers[n-1]
	case name == "the old server" && n > 1:
		pid = servers[n-2]
	}
	if pid == 0 {
		return 0, fmt.Errorf("%s has not been seen", name)
	}
	return pid, nil
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
