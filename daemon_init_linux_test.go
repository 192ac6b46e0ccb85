package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/internal/leash"
)

// insideVar is the role that a container is to play.
const insideVar = "SERVERENGINE_TEST_INSIDE"

func init() {
	roles["container"] = playContainer
	roles["orphans"] = func() { run(appOf(orphans)) }
}

// playContainer is what a container runtime does, in a process that already is number 1 of
// its name space: it mounts /proc and becomes the program.
func playContainer() {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = unix.Mount("proc", "/proc", "proc", 0, "")
	}
	if err == nil {
		err = errors.Join(os.Setenv(roleVar, os.Getenv(insideVar)), os.Unsetenv(leash.Var))
	}
	if err == nil {
		err = unix.Exec("/proc/self/exe", os.Args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "container:", err)
	os.Exit(95)
}

// contained starts a role as process 1 of a container. Seen from here it is the tree's top,
// tr.pid; the top that the log speaks of is its child.
func contained(t *testing.T, role string, settings keys, adjust func(*tree, *exec.Cmd)) *tree {
	t.Helper()
	needsRoot(t, "container", role)
	played.Store(role, true)
	return startWith(t, "container", settings, launch{env: []string{insideVar + "=" + role}, adjust: func(tr *tree, cmd *exec.Cmd) {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS
		if adjust != nil {
			adjust(tr, cmd)
		}
	}})
}

// childrenOf are the processes below one, dead ones included that nobody has reaped.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(field); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

func TestProcess1StopsAsTheTopDoes(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr := contained(t, "web", keys{"worker_type": "process", "supervisor": supervisor}, nil)
		tr.serving(2)
		tr.mustGet("/")
		if top := childrenOf(t, tr.pid); len(top) != 1 || len(childrenOf(t, top[0])) == 0 {
			t.Errorf("below process 1 are %v", top)
		}
		for _, r := range tr.log.read() {
			if r.Pid == 1 {
				t.Errorf("process 1 is more than an init: %s", r.line)
			}
		}
		a, gate := tr.hold()
		tr.signal(syscall.SIGTERM)
		tr.says("signal TERM: graceful stop")
		gate.open()
		a.arrives("held by")
		tr.exits(0)
	})
}

func TestProcess1PassesSignalsOn(t *testing.T) {
	t.Parallel()
	tr := contained(t, "web", keys{"worker_type": "process"}, nil)
	before := tr.serving(2)
	tr.says("server ready")
	for _, c := range []struct {
		signal syscall.Signal
		says   string
	}{
		{syscall.SIGUSR2, "signal USR2: reload"}, {syscall.SIGCONT, "signal CONT: dump"},
		{syscall.SIGTTIN, "workers 2 → 3 (now)"}, {syscall.SIGTTOU, "workers 3 → 2 (now)"},
		{syscall.SIGUSR1, "graceful restart finished"}, {syscall.SIGHUP, "immediate restart finished"},
	} {
		tr.signal(c.signal)
		tr.says(c.says)
	}
	tr.replaced(before)
	tr.signal(syscall.SIGINT) // without a supervisor, and from no terminal: a stop
	tr.exits(0)
}

// Any signal that a meaning can be given to reaches the top through process 1.
func TestProcess1PassesOtherSignalsOn(t *testing.T) {
	t.Parallel()
	settings := keys{"worker_type": "process", "workers": 1}
	for k, v := range otherSignals {
		settings[k] = v
	}
	tr := contained(t, "web", settings, nil)
	tr.serving(1)
	tr.says("server ready")
	for s, says := range map[syscall.Signal]string{
		syscall.SIGWINCH: "signal WINCH: dump", syscall.SIGPWR: "signal PWR: reload", syscall.SIGXCPU: "graceful restart finished", syscall.SIGIO: "immediate restart finished",
	} {
		tr.signal(s)
		tr.says(says)
	}
	tr.signal(syscall.SIGABRT)
	tr.says("signal ABRT: immediate stop")
	tr.exits(0)
}

func TestProcess1EndsWithTheTopsExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, role string
		settings   keys
		code       int
	}{
		{"unrecoverable", "ends", keys{"worker_type": "process", "workers": 1, "exit_with": 3, "unrecoverable_exit_codes": "[3]"}, 3},
		{"unrecoverable, supervisor", "ends", keys{"worker_type": "process", "workers": 1, "exit_with": 3, "unrecoverable_exit_codes": "[3]", "supervisor": true}, 3},
		{"bad configuration", "web", keys{"workers": "many"}, 1},
		{"bad user", "web", keys{"chuser": "no-such-user", "daemonize_error_exit_code": 9}, 9},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			contained(t, c.role, c.settings, nil).exits(c.code)
		})
	}
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		tr := contained(t, "web", keys{"worker_type": "process"}, nil)
		tr.serving(2)
		tr.kill(childrenOf(t, tr.pid)[0], syscall.SIGKILL)
		tr.exits(128 + 9)
	})
}

// Sockets that a container is given, as by podman, are the top's.
func TestProcess1HandsItsSocketsOn(t *testing.T) {
	t.Parallel()
	given, address := listenerToGive(t)
	tr := contained(t, "web", keys{"worker_type": "process", "address": address}, func(_ *tree, cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{given}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_PID=1")
	})
	tr.serving(2)
	answersAt(t, address)
}

// orphans is a worker that leaves processes behind which are nobody's, in a session and so
// a group of their own: some end at once, one when the gate opens.
func orphans(ctx context.Context, self *serverengine.Self) error {
	gate := filepath.Join(filepath.Dir(os.Getenv(configVar)), gateFile)
	for _, script := range []string{"for i in 1 2 3 4 5 6 7 8 9; do sh -c : & done", `cat "$0" &`} {
		cmd := exec.Command("/bin/sh", "-c", script, gate)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Run(); err != nil {
			return err
		}
	}
	self.Logger().Info("left behind")
	self.Ready()
	<-ctx.Done()
	return nil
}

// What loses its parent becomes a child of process 1, which reaps it and no other.
func TestProcess1ReapsStrangers(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr := contained(t, "orphans", keys{"worker_type": "process", "workers": 1, "supervisor": supervisor}, func(tr *tree, _ *exec.Cmd) { tr.makeGate() })
		tr.says("left behind")
		pass := tr.atGate()
		eventually(t, "process 1 has the top and the stranger that lives", func() bool { return len(childrenOf(t, tr.pid)) == 2 })
		pass()
		eventually(t, "process 1 has the top only", func() bool { return len(childrenOf(t, tr.pid)) == 1 })
		tr.serving(1)
		tr.silent("exited unexpectedly")
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
	})
}

// terminal is a terminal of a test's own, seen from where a person types.
type terminal struct {
	t      *testing.T
	master *os.File
}

// atTerminal gives a command a terminal as its own.
func atTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	cerr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 0
	go func() { _, _ = io.Copy(io.Discard, master) }() // until the last of the other side is gone
	return &terminal{t, master}
}

func (m *terminal) ctrlC() {
	m.t.Helper()
	if _, err := m.master.Write([]byte{3}); err != nil {
		m.t.Fatal(err)
	}
}

// Ctrl-C is one graceful stop, and the second one an immediate stop: whoever is told by the
// terminal is told once, with a supervisor above the server and with an init above the top.
func TestCtrlCAtATerminal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		supervisor, container bool
	}{{"plain", false, false}, {"supervisor", true, false}, {"process 1", false, true}, {"process 1, supervisor", true, true}} {
		begin := func(t *testing.T) (*tree, *terminal) {
			t.Parallel()
			var term *terminal
			adjust := func(_ *tree, cmd *exec.Cmd) { term = atTerminal(t, cmd) }
			settings := keys{"worker_type": "process", "supervisor": c.supervisor}
			var tr *tree
			if c.container {
				tr = contained(t, "web", settings, adjust)
			} else {
				tr = adjusted(t, "web", settings, adjust)
			}
			tr.serving(2)
			tr.says("server ready")
			return tr, term
		}
		t.Run(c.name+", once", func(t *testing.T) {
			tr, term := begin(t)
			a, gate := tr.hold()
			tr.log.mark()
			term.ctrlC()
			tr.says("graceful stop: interrupt")
			tr.says("worker told to stop (graceful)")
			gate.open()
			a.arrives("held by")
			tr.exits(0)
			if n := count(tr.log.since(), "signal INT"); n != 1 {
				t.Errorf("one Ctrl-C has arrived %d times", n)
			}
			tr.silent("immediate")
		})
		t.Run(c.name+", twice", func(t *testing.T) {
			tr, term := begin(t)
			a, gate := tr.hold()
			defer gate.open()
			tr.log.mark()
			term.ctrlC()
			tr.says("graceful stop: interrupt")
			term.ctrlC()
			tr.exits(0)
			a.breaks()
			tr.says("immediate stop: interrupt")
		})
	}
}

// INT that somebody sends where nobody types is the original's live restart.
func TestIntFromElsewhereIsALiveRestart(t *testing.T) {
	t.Parallel()
	stories := map[string]func(*testing.T) *tree{
		"plain": func(t *testing.T) *tree {
			return start(t, "web", keys{"worker_type": "process", "supervisor": true, "server_restart_wait": "50ms"})
		},
		"process 1": func(t *testing.T) *tree {
			return contained(t, "web", keys{"worker_type": "process", "supervisor": true, "server_restart_wait": "50ms"}, nil)
		},
	}
	for name, begin := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := begin(t)
			tr.says("server process ready")
			tr.signal(syscall.SIGINT)
			tr.says("live restart")
			tr.says("server process ready")
			tr.says("server exited: exit 0")
			tr.mustGet("/")
		})
	}
}
