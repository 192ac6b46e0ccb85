//go:build unix

package serverengine_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what should take milliseconds: it decides only when
// a broken run ends.
const patience = 60 * time.Second

// treeVar marks every process of a tree with a name of its own.
const treeVar = "SERVERENGINE_TEST_TREE"

// configVar is the path of a role's YAML configuration.
const configVar = "SERVERENGINE_TEST_CONFIG"

// keys are configuration keys, as a file has them; a user's own among them.
type keys map[string]any

// tree is a program under test with everything below it.
type tree struct {
	t        *testing.T
	dir      string
	settings keys
	cmd      *exec.Cmd
	pid      int
	done     chan struct{} // closed when the top was reaped
	log      *logReader
	stderr   string // path
	excused  []string
}

// launch says how a role is started, where that is not the usual way.
type launch struct {
	program string                 // instead of this binary
	env     []string               // added
	adjust  func(*tree, *exec.Cmd) // has the last word before the start; may be nil
}

// start runs a role as a session of its own. The test's end stops it, and fails if
// anything of it is left.
func start(t *testing.T, role string, settings keys) *tree {
	t.Helper()
	return startWith(t, role, settings, launch{})
}

func startWith(t *testing.T, role string, settings keys, how launch) *tree {
	t.Helper()
	played.Store(role, true)
	tr := &tree{t: t, dir: t.TempDir(), done: make(chan struct{})}
	tr.settings = keys{
		"log": tr.path("log"), "log_format": "json", "log_rotate_age": 0, "sigdump_dir": tr.dir,
		"workers": 2, "orphan_timeout": "10s", "address": "127.0.0.1:0",
	}
	tr.configure(settings)
	tr.log = &logReader{path: fmt.Sprint(tr.settings["log"])}
	tr.stderr = tr.path("stderr")
	tr.run(role, how)
	return tr
}

func (tr *tree) run(role string, how launch) {
	tr.t.Helper()
	if how.program == "" {
		how.program = os.Args[0]
	}
	tr.cmd = exec.Command(how.program)
	tr.cmd.Env = append(cleanEnv(), roleVar+"="+role, configVar+"="+tr.path("config.yml"), treeVar+"="+tr.dir)
	tr.cmd.Env = append(tr.cmd.Env, how.env...)
	tr.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	tr.cmd.Stdout, tr.cmd.Stderr = tr.create("stdout"), tr.create("stderr")
	if how.adjust != nil {
		how.adjust(tr, tr.cmd)
	}
	if err := tr.cmd.Start(); err != nil {
		tr.t.Fatal(err)
	}
	tr.pid = tr.cmd.Process.Pid
	go func() {
		_ = tr.cmd.Wait() // the state is looked at where it matters
		close(tr.done)
	}()
	tr.t.Cleanup(tr.end)
}

// cleanEnv keeps what belongs to this run of the tests from the program under test: the
// file that a coverage run writes, and a host's role.
func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool {
		return strings.HasPrefix(e, "GOCOVERDIR=") || strings.HasPrefix(e, "SERVERENGINE_")
	})
}

func (tr *tree) path(name string) string { return filepath.Join(tr.dir, name) }

func (tr *tree) create(name string) *os.File {
	tr.t.Helper()
	f, err := os.Create(tr.path(name))
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { f.Close() })
	return f
}

// configure writes the configuration file, with these settings over the ones before.
func (tr *tree) configure(settings keys) {
	tr.t.Helper()
	for k, v := range settings {
		tr.settings[k] = v
	}
	var names []string
	for k := range tr.settings {
		names = append(names, k)
	}
	sort.Strings(names)
	var b bytes.Buffer
	for _, k := range names {
		switch v := tr.settings[k].(type) {
		case string:
			fmt.Fprintf(&b, "%s: %q\n", k, v)
		default:
			fmt.Fprintf(&b, "%s: %v\n", k, v)
		}
	}
	next := tr.path("config.next")
	if err := errors.Join(os.WriteFile(next, b.Bytes(), 0o600), os.Rename(next, tr.path("config.yml"))); err != nil {
		tr.t.Fatal(err)
	}
}

// signal sends a signal to the top.
func (tr *tree) signal(s syscall.Signal) {
	tr.t.Helper()
	tr.log.mark()
	tr.kill(tr.pid, s)
}

func (tr *tree) kill(pid int, s syscall.Signal) {
	tr.t.Helper()
	if pid <= 1 {
		tr.t.Fatalf("signal %v to pid %d", s, pid)
	}
	if err := syscall.Kill(pid, s); err != nil {
		tr.t.Fatalf("signal %v to pid %d: %v", s, pid, err)
	}
}

// freeze stops a process and waits until it stands still: the signal takes a moment to reach a
// process that runs on another core. Where there is no /proc, that moment is not seen.
func (tr *tree) freeze(pid int) {
	tr.t.Helper()
	tr.kill(pid, syscall.SIGSTOP)
	eventually(tr.t, fmt.Sprintf("%d stands still", pid), func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(b), ") T ")
	})
}

// exits waits for the top's end and wants this exit code, as a shell sees it.
func (tr *tree) exits(code int) {
	tr.t.Helper()
	tr.gone()
	if got := tr.cmd.ProcessState.ExitCode(); got != code {
		tr.t.Fatalf("exit code %d, want %d (%s)", got, code, tr.cmd.ProcessState)
	}
}

// gone waits for the top's end.
func (tr *tree) gone() {
	tr.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-tr.done:
	case <-timer.C:
		tr.t.Fatal("the program does not end")
	}
}

func (tr *tree) running() bool {
	select {
	case <-tr.done:
		return false
	default:
		return true
	}
}

// end stops what still runs and holds the tree to what it promises at its end: exit code 0
// if it was running well, no process left, no data race seen.
func (tr *tree) end() {
	if tr.running() && !tr.t.Failed() {
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
	}
	left := tr.family()
	if !tr.t.Failed() && len(left) > 0 {
		tr.t.Errorf("processes are left: %v", left)
	}
	for _, pid := range left {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone meanwhile, at worst
	}
	<-tr.done
	tr.checkOutput()
	if tr.t.Failed() {
		tr.show()
	}
}

// excuse allows a text that checkOutput would object to.
func (tr *tree) excuse(text string) { tr.excused = append(tr.excused, text) }

// checkOutput looks for what must be in no log.
func (tr *tree) checkOutput() {
	for _, path := range []string{tr.log.path, tr.stderr} {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			tr.t.Error(err)
		}
		for _, bad := range []string{"DATA RACE", "panic in the engine", "panic in server", "panic in the actor"} {
			if bytes.Contains(b, []byte(bad)) && !slices.Contains(tr.excused, bad) {
				tr.t.Errorf("%s in %s", bad, filepath.Base(path))
			}
		}
	}
}

// show prints the log of a test that failed.
func (tr *tree) show() {
	for _, path := range []string{tr.log.path, tr.stderr} {
		b, _ := os.ReadFile(path)
		const most = 32 << 10
		if len(b) > most {
			b = append([]byte("…"), b[len(b)-most:]...)
		}
		tr.t.Logf("%s:\n%s", filepath.Base(path), b)
	}
}

// eventually polls for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}
