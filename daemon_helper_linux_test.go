package serverengine_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// adjusted starts a role in a way of the test's own.
func adjusted(t *testing.T, role string, settings keys, adjust func(*tree, *exec.Cmd)) *tree {
	t.Helper()
	return startWith(t, role, settings, launch{adjust: adjust})
}

// needsRoot skips a test that only root can run. The roles count as played.
func needsRoot(t *testing.T, roles ...string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	for _, role := range roles {
		played.Store(role, true)
	}
	t.Skip("only root can change users, bind ports below 1024 or make namespaces")
}

// daemonKeys make a role a daemon with a pid file in the tree's directory.
func daemonKeys(tr *tree) keys { return keys{"daemonize": true, "pid_path": tr.path("pid")} }

// daemon starts a role as a daemon and waits until its caller has returned.
func daemon(t *testing.T, role string, settings keys) *tree {
	t.Helper()
	tr := adjusted(t, role, settings, func(tr *tree, _ *exec.Cmd) { tr.configure(daemonKeys(tr)) })
	tr.exits(0)
	tr.adopt()
	return tr
}

// adopt makes the daemon of a pid file the tree's top: signals go to it, and the test's end
// stops it.
func (tr *tree) adopt() {
	tr.t.Helper()
	b, err := os.ReadFile(tr.path("pid"))
	if err != nil {
		tr.t.Fatal(err)
	}
	if tr.pid, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() {
		if !tr.t.Failed() && len(tr.family()) > 0 {
			tr.signal(syscall.SIGTERM)
			tr.allGone()
		}
	})
}

// allGone waits until no process of the tree is left.
func (tr *tree) allGone() {
	tr.t.Helper()
	eventually(tr.t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
}

// complains wants a program to have ended with this code and one line that has all of this.
func (tr *tree) complains(code int, want ...string) {
	tr.t.Helper()
	tr.exits(code)
	tr.refused(want...)
	tr.allGone()
}

// loopback is an address that no client of another test takes for its own end.
const loopback = "127.42.0.1"

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listenerToGive is a listening socket that a program can be started with, and its address.
func listenerToGive(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	given, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { given.Close() })
	return given, l.Addr().String()
}

// answersAt asks once at an address.
func answersAt(t *testing.T, address string) {
	t.Helper()
	c, err := dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if body, _, err := c.get("/"); err != nil {
		t.Fatalf("no answer: %q, %v", body, err)
	}
}

// makeGate makes the gate of a gated start.
func (tr *tree) makeGate() {
	tr.t.Helper()
	if err := syscall.Mkfifo(tr.path(gateFile), 0o666); err != nil {
		tr.t.Fatal(err)
	}
}

// atGate waits until somebody waits at the gate; pass lets it through.
func (tr *tree) atGate() (pass func()) {
	tr.t.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.OpenFile(tr.path(gateFile), os.O_WRONLY, 0)
		opened <- f
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case f := <-opened:
		return func() { f.Close() }
	case <-timer.C:
		tr.t.Fatal("nobody comes to the gate")
		return nil
	}
}

// outlet is the reading end of a pipe that a program under test has got.
type outlet struct {
	*os.File
	ended chan error
}

// newOutlet returns a pipe: the end for the program, and the outlet.
func newOutlet(t *testing.T) (*os.File, *outlet) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return w, &outlet{r, make(chan error, 1)}
}

// ends waits until nobody holds the other end, and returns what was written.
func (o *outlet) ends(t *testing.T, what string) string {
	t.Helper()
	if err := o.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(o)
	if err != nil {
		t.Fatalf("%s is still held: %v", what, err)
	}
	return string(b)
}

// stat is what /proc says of a process.
type stat struct {
	comm                        string
	state                       string
	parent, group, session, tty int
}

func statOf(t *testing.T, pid int) stat {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	open, closing := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	s := stat{comm: text[open+1 : closing]}
	if _, err := fmt.Sscan(text[closing+1:], &s.state, &s.parent, &s.group, &s.session, &s.tty); err != nil {
		t.Fatal(err)
	}
	return s
}

// dead reports whether a process is gone, or only waits to be reaped.
func dead(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

// statusOf is /proc/<pid>/status by its fields.
func statusOf(t *testing.T, pid int) map[string]string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.Join(strings.Fields(value), " ")
	}
	return fields
}

// shownArgs is what ps shows of a process; empty when it is gone.
func shownArgs(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}

// openFiles are the descriptors of a process and what they lead to.
func openFiles(t *testing.T, pid int) map[string]string {
	t.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(names) == 0 {
		t.Fatalf("the descriptors of %d: %v", pid, err)
	}
	files := map[string]string{}
	for _, name := range names {
		to, err := os.Readlink(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = to
	}
	return files
}

// serverPid is the pid of the first server process.
func (tr *tree) serverPid() int {
	tr.t.Helper()
	var f struct {
		Pid int `json:"server_pid"`
	}
	eventually(tr.t, "a server process has started", func() bool {
		for _, r := range tr.log.read() {
			if r.Msg == "server started" {
				r.decode(tr.t, &f)
				return true
			}
		}
		return false
	})
	return f.Pid
}

// closeStd makes a command start without its three standard descriptors: a shell closes
// them and becomes the program.
func closeStd(cmd *exec.Cmd) {
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `exec "$0" <&- >&- 2>&-`, cmd.Path}
}

// listening is an address that is taken as long as the test runs.
func listening(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// programComm is the short name that the kernel gives to the program under test.
func programComm() string {
	name := filepath.Base(os.Args[0])
	return name[:min(len(name), 15)]
}
