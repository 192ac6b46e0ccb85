package serverengine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// eachTop tells a story of a daemon whose top is the server, and of one whose top is a
// supervisor.
func eachTop(t *testing.T, story func(t *testing.T, settings keys)) {
	t.Parallel()
	for name, settings := range map[string]keys{
		"server on top": {"worker_type": "thread"}, "supervisor on top": {"worker_type": "process", "supervisor": true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, settings)
		})
	}
}

func TestDaemonIsUpWhenItsCallerReturns(t *testing.T) {
	eachTop(t, func(t *testing.T, settings keys) {
		settings["address"] = freeAddress(t)
		tr := daemon(t, "web", settings)
		caller := tr.cmd.Process.Pid
		answersAt(t, settings["address"].(string))
		s := statOf(t, tr.pid)
		if s.parent == caller || s.session == tr.pid || s.session == ownSession(t) || s.tty != 0 {
			t.Errorf("caller %d, daemon %d: %+v", caller, tr.pid, s)
		}
		eventually(t, "the leader of its session is gone", func() bool { return dead(s.session) })
		files := openFiles(t, tr.pid)
		for fd, want := range map[string]string{"0": os.DevNull, "1": tr.log.path, "2": tr.log.path} {
			if files[fd] != want {
				t.Errorf("descriptor %s is %s, want %s", fd, files[fd], want)
			}
		}
		tr.signal(syscall.SIGTERM)
		tr.allGone()
		if _, err := os.Stat(tr.path("pid")); err == nil {
			t.Error("the pid file is still there")
		}
	})
}

func ownSession(t *testing.T) int { return statOf(t, os.Getpid()).session }

// What a shell writes as out=$(./program) ends when the caller does, and so does whoever
// waits for any other descriptor that the caller has brought along.
func TestDaemonHoldsNothingOfItsCaller(t *testing.T) {
	eachTop(t, func(t *testing.T, settings keys) {
		stdout, out := newOutlet(t)
		stderr, errs := newOutlet(t)
		lock, held := newOutlet(t)
		tr := adjusted(t, "web", settings, func(tr *tree, cmd *exec.Cmd) {
			tr.configure(daemonKeys(tr))
			cmd.Stdout, cmd.Stderr = stdout, stderr
			cmd.ExtraFiles = []*os.File{lock, lock, lock}
		})
		for _, w := range []*os.File{stdout, stderr, lock} {
			w.Close()
		}
		for what, o := range map[string]*outlet{"stdout": out, "stderr": errs, "another descriptor": held} {
			if text := o.ends(t, what); text != "" {
				t.Errorf("%s got %q", what, text)
			}
		}
		tr.exits(0)
		tr.adopt()
	})
}

// Without a log file a daemon's output goes nowhere, and its caller warns of that.
func TestDaemonWithoutALogFileIsSilent(t *testing.T) {
	t.Parallel()
	for _, log := range []string{"", "-"} {
		t.Run("log "+strconv.Quote(log), func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			tr := daemon(t, "web", keys{"worker_type": "process", "log": log, "address": address})
			answersAt(t, address)
			files := openFiles(t, tr.pid)
			for _, fd := range []string{"0", "1", "2"} {
				if files[fd] != os.DevNull {
					t.Errorf("descriptor %s is %s", fd, files[fd])
				}
			}
			for name, want := range map[string]string{"stdout": "", "stderr": "warning: daemonize is true but log is no file"} {
				b, err := os.ReadFile(tr.path(name))
				if lines := strings.Count(string(b), "\n"); err != nil || !strings.Contains(string(b), want) || want == "" && lines > 0 || lines > 1 {
					t.Errorf("%s: %q, %v", name, b, err)
				}
			}
			if _, err := os.Stat(filepath.Join(tr.dir, "-")); err == nil {
				t.Error("there is a file named -")
			}
		})
	}
}

// A daemon that does not come up says so through its caller: one line, once, and the exit
// code of the configuration, or that of the server.
func TestDaemonThatFailsToStartIsOneLineOfItsCaller(t *testing.T) {
	t.Parallel()
	taken := listening(t)
	for _, c := range []struct {
		name, role string
		settings   keys
		code       int
		want       []string
	}{
		{"unknown user", "web", keys{"chuser": "no-such-user"}, 9, []string{"chuser", "no-such-user", "no such user"}},
		{"unknown group", "web", keys{"chgroup": "no-such-group"}, 9, []string{"chgroup", "no-such-group"}},
		{"user without a group", "web", keys{"chuser": "54321"}, 9, []string{"chuser", "54321", "its group has to be given"}},
		{"log that can't be opened", "web", keys{"log": "/proc/no/such/log"}, 9, []string{"log", "/proc/no/such/log"}},
		{"pid file in no directory", "web", keys{"pid_path": "/proc/no/such/pid"}, 9, []string{"pid_path", "/proc/no/such/pid"}},
		{"busy port", "web", keys{"listen": taken}, 9, []string{"listen", taken, "address already in use"}},
		{"unrecoverable worker", "ends", keys{"exit_with": 7, "unrecoverable_exit_codes": "[7]"}, 7, []string{"before it was ready", "exit 7"}},
		{"unrecoverable worker, daemonize_error_exit_code aside", "ends", keys{"exit_with": 3, "unrecoverable_exit_codes": "[3]", "supervisor": true}, 3, []string{"before it was ready", "exit 3"}},
		{"too many restarts", "ends", keys{"max_restarts": 2, "on_restart_limit": "stop", "restart_backoff": 0}, 1, []string{"before it was ready", "restart limit"}},
		{"server that refuses", "hooks", keys{"message": "no server"}, 1, []string{"before it was ready", "the server is not to start"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			tr := adjusted(t, c.role, keys{"worker_type": "process", "workers": 1, "daemonize_error_exit_code": 9}, func(tr *tree, _ *exec.Cmd) {
				tr.configure(daemonKeys(tr))
				tr.configure(c.settings)
			})
			tr.complains(c.code, c.want...)
			if _, err := os.Stat(tr.path("pid")); err == nil {
				t.Error("a pid file is left")
			}
		})
	}
}

// What the configuration file has wrong is seen before there is a daemon.
func TestDaemonWithABadConfigurationIsNotStarted(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", keys{"daemonize": true, "workers": "many", "daemonize_error_exit_code": 9})
	tr.complains(1, "workers", "many")
}

// heldStart starts a gated daemon and holds it in the middle of its start.
func heldStart(t *testing.T) (tr *tree, pass func()) {
	t.Helper()
	tr = adjusted(t, "gated", keys{"worker_type": "process", "daemonize_error_exit_code": 9}, func(tr *tree, _ *exec.Cmd) {
		tr.configure(daemonKeys(tr))
		tr.makeGate()
	})
	pass = tr.atGate()
	b, err := os.ReadFile(tr.path(loadingFile))
	if err == nil {
		tr.pid, err = strconv.Atoi(string(b))
	}
	if err != nil {
		t.Fatal(err)
	}
	return tr, pass
}

func TestHupDuringTheStartOfADaemonIsObeyed(t *testing.T) {
	t.Parallel()
	tr, pass := heldStart(t)
	tr.signal(syscall.SIGHUP)
	pass()
	tr.exits(0)
	tr.adopt()
	tr.says("signal HUP: immediate restart")
	tr.says("immediate restart finished")
	tr.mustGet("/")
}

// What holds the start up is not waited for.
func TestStopDuringTheStartOfADaemonIsObeyed(t *testing.T) {
	t.Parallel()
	for _, s := range stops {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			tr, pass := heldStart(t)
			defer pass()
			tr.signal(s)
			tr.complains(9, "before it was ready")
		})
	}
}

var stops = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}

// What breaks between the caller and the daemon is the daemon's to say, once.
func TestConfigurationThatBreaksDuringTheStartOfADaemon(t *testing.T) {
	t.Parallel()
	tr, pass := heldStart(t)
	tr.configure(keys{"workers": "many"})
	pass()
	tr.complains(1, "workers", "many")
}

// Who starts a daemon can give up waiting.
func TestTermAndIntEndTheCallerOfADaemon(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			tr, pass := heldStart(t)
			tr.kill(tr.cmd.Process.Pid, s)
			tr.gone()
			if tr.cmd.ProcessState.Success() {
				t.Errorf("the caller ended with %s", tr.cmd.ProcessState)
			}
			pass()
			tr.serving(2) // the daemon is its own master
			tr.signal(syscall.SIGTERM)
			tr.allGone()
		})
	}
}

func TestSignalsDuringAStartInTheForegroundAreObeyed(t *testing.T) {
	t.Parallel()
	held := func(t *testing.T) (tr *tree, pass func()) {
		tr = adjusted(t, "gated", keys{"worker_type": "thread"}, func(tr *tree, _ *exec.Cmd) {
			tr.makeGate()
			if err := os.Mkdir(tr.path(passedFile), 0o700); err != nil {
				t.Fatal(err)
			}
		})
		return tr, tr.atGate()
	}
	for _, s := range stops {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			tr, pass := held(t)
			defer pass()
			tr.signal(s)
			tr.exits(0)
			if b, err := os.ReadFile(tr.stderr); err != nil || !strings.Contains(string(b), "before it was ready") {
				t.Errorf("it says %q, %v", b, err)
			}
		})
	}
	t.Run("HUP", func(t *testing.T) {
		t.Parallel()
		tr, pass := held(t)
		tr.signal(syscall.SIGHUP)
		pass()
		tr.says("signal HUP: immediate restart")
		tr.serving(2)
	})
}

// A daemon is one also with its standard descriptors closed at the start.
func TestDaemonWithClosedStandardDescriptors(t *testing.T) {
	t.Parallel()
	tr := adjusted(t, "web", keys{"worker_type": "process", "supervisor": true}, func(tr *tree, cmd *exec.Cmd) {
		tr.configure(daemonKeys(tr))
		closeStd(cmd)
	})
	tr.exits(0)
	tr.adopt()
	tr.mustGet("/")
	files := openFiles(t, tr.pid)
	for _, fd := range []string{"0", "1", "2"} {
		if to := files[fd]; to != os.DevNull && to != tr.log.path {
			t.Errorf("descriptor %s is %q", fd, to)
		}
	}
}

// Sockets that systemd gives are the daemon's, though it is another process than the one
// that was started.
func TestDaemonGetsTheSocketsOfSystemd(t *testing.T) {
	t.Parallel()
	given, address := listenerToGive(t)
	tr := adjusted(t, "web", keys{"worker_type": "process", "address": address}, func(tr *tree, cmd *exec.Cmd) {
		tr.configure(daemonKeys(tr))
		cmd.ExtraFiles = []*os.File{given}
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$0"`, cmd.Path}
	})
	tr.exits(0)
	tr.adopt()
	tr.serving(2)
	answersAt(t, address)
	if n := count(tr.log.read(), "address already in use"); n > 0 {
		t.Errorf("%d times the address was in use", n)
	}
}
