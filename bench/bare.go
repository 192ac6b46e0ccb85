package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// roleVar is the environment variable that makes this program a child without the library.
const roleVar = "SERVERENGINE_BENCH_ROLE"

// Roles of such a child.
const (
	roleHello = "hello" // writes one byte in the first line of main
	roleWire  = "wire"  // answers frames
	roleWeb   = "web"   // serves on an inherited descriptor
)

// readyFile is the descriptor on which a bare child writes one byte, givenFile the first of
// the others.
const (
	readyFile = 3
	givenFile = 4
)

// beBare is main in a child without the library.
func beBare(role string) int {
	switch role {
	case roleHello:
		return sayHello()
	case roleWire:
		return answerFrames()
	case roleWeb:
		return serveBare()
	}
	fmt.Fprintf(os.Stderr, "%s: no role %q\n", roleVar, role)
	return 2
}

// sayHello writes its byte and lives until its parent closes stdin.
func sayHello() int {
	if err := sayReady(); err != nil {
		return 1
	}
	awaitParent()
	return 0
}

func sayReady() error {
	f := os.NewFile(readyFile, "ready")
	_, err := f.Write([]byte{1})
	return errors.Join(err, f.Close())
}

// awaitParent waits for the end of stdin: its other end is the parent's alone.
func awaitParent() { _, _ = io.Copy(io.Discard, os.Stdin) }

// share is the environment that gives a bare child as many threads as the engine gives one
// of so many workers.
func share(workers int) []string {
	return []string{fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.GOMAXPROCS(0)/workers))}
}

// bareChild is a process of this program started with os/exec and nothing else.
type bareChild struct {
	cmd   *exec.Cmd
	life  io.WriteCloser // stdin
	ready *os.File
}

// startBare starts one. env is added to this process's environment.
func startBare(role string, env []string, given ...*os.File) (*bareChild, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	c := &bareChild{cmd: exec.Command(self), ready: r}
	c.cmd.Env = append(os.Environ(), append(env, roleVar+"="+role)...)
	c.cmd.Stderr = os.Stderr
	c.cmd.ExtraFiles = append([]*os.File{w}, given...)
	if c.life, err = c.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return c, nil
}

// await waits for its byte.
func (c *bareChild) await() error {
	if _, err := io.ReadFull(c.ready, make([]byte, 1)); err != nil {
		return fmt.Errorf("wait for a bare child: %w", err)
	}
	return nil
}

// stop lets it end by itself.
func (c *bareChild) stop() error {
	return errors.Join(c.life.Close(), c.ready.Close(), c.cmd.Wait())
}

// kill ends it with KILL and takes its status.
func (c *bareChild) kill() error {
	if err := c.cmd.Process.Kill(); err != nil {
		return err
	}
	if err := c.cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		return fmt.Errorf("a killed child ended otherwise: %w", err)
	}
	return c.ready.Close()
}
