//go:build unix

package sockets

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv makes the test binary play one of the child processes below.
const roleEnv = "SOCKETS_TEST_ROLE"

var roles = map[string]func() error{}

func TestMain(m *testing.M) {
	if name := os.Getenv(roleEnv); name != "" {
		role := roles[name]
		if role == nil {
			fmt.Fprintf(os.Stderr, "no role %q\n", name)
			os.Exit(2)
		}
		if err := role(); err != nil {
			fmt.Fprintf(os.Stderr, "role %s: %v\n", name, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait: far above what a busy machine needs.
const patience = 30 * time.Second

// eventually polls a condition that has no event to wait for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		runtime.Gosched()
	}
}

// child is a process of this binary in a role. It speaks in lines on its
// stdout and ends when its stdin is closed, if the role reads it.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Reader
}

func startChild(t *testing.T, role string, env []string, setup func(*exec.Cmd), files ...*os.File) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), roleEnv+"="+role, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = files
	if setup != nil {
		setup(cmd)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, stdin: in, lines: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = c.stdin.Close()
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	return c
}

// line waits for the child's next line.
func (c *child) line(t *testing.T) string {
	t.Helper()
	s, err := c.lines.ReadString('\n')
	if err != nil {
		t.Fatalf("child ended instead of a line: %q, %v", s, err)
	}
	return strings.TrimSuffix(s, "\n")
}

// end closes the child's stdin and wants exit status 0.
func (c *child) end(t *testing.T) {
	t.Helper()
	_ = c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		t.Fatalf("child: %v", err)
	}
}

// untilEOF is how a role waits for its parent.
func untilEOF() { _, _ = io.Copy(io.Discard, os.Stdin) }

// openFDs counts the descriptors of this process.
func openFDs(t *testing.T) int {
	t.Helper()
	for _, dir := range []string{"/proc/self/fd", "/dev/fd"} {
		if names, err := os.ReadDir(dir); err == nil {
			return len(names)
		}
	}
	t.Skip("no way to count descriptors here")
	return 0
}

func newServer(t *testing.T, o Options) *Server {
	t.Helper()
	s := NewServer(o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// attached is a client of s over a pair.
func attached(t *testing.T, s *Server, p Peer) *Client {
	t.Helper()
	parent, end, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(parent, p); err != nil {
		t.Fatal(err)
	}
	c, err := FromFile(end)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
