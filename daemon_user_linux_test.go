package serverengine_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// person is who a process is to be.
type person struct {
	user, group string // as the configuration names them
	uid, gid    int
	groups      []string
}

// nobody is a user that every system has, by name, in a group that is not its own.
func nobody(t *testing.T) person {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("there is no user nobody: %v", err)
	}
	g, err := user.LookupGroup("daemon")
	if err != nil {
		t.Skipf("there is no group daemon: %v", err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	p := person{user: "nobody", group: "daemon", groups: groups}
	p.uid, p.gid = atoi(t, u.Uid), atoi(t, g.Gid)
	return p
}

// stranger54321 is somebody whom the system has never heard of, by number.
func stranger54321(*testing.T) person {
	return person{user: "54321", group: "54322", uid: 54321, gid: 54322, groups: []string{"54322"}}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// is wants a process to be this person for good, with this file mode creation mask.
func (p person) is(t *testing.T, pid int, umask string) {
	t.Helper()
	s := statusOf(t, pid)
	four := func(n int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(n)+" ", 4)) }
	for field, want := range map[string]string{
		"Uid": four(p.uid), "Gid": four(p.gid), "Groups": strings.Join(p.groups, " "), "Umask": umask,
		"CapPrm": strings.Repeat("0", 16), "CapEff": strings.Repeat("0", 16),
	} {
		if s[field] != want {
			t.Errorf("%s of %d is %q, want %q", field, pid, s[field], want)
		}
	}
}

// settle makes the tree's directory a person's own, with a program in it that the person
// may run.
func (tr *tree) settle(p person, cmd *exec.Cmd) {
	tr.t.Helper()
	program := tr.path("program")
	if err := copyOf(os.Args[0], program); err != nil {
		tr.t.Fatal(err)
	}
	cmd.Path = program
	cmd.Args[0] = program
	for dir := tr.dir; dir != "/"; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err == nil && dir == filepath.Dir(tr.dir) { // made for this test
			err = os.Chmod(dir, 0o755)
		} else if err == nil && dir != tr.dir && st.Mode()&0o001 == 0 {
			tr.t.Skipf("%s is closed to other users", dir)
		}
		if err != nil {
			tr.t.Fatal(err)
		}
	}
	names, err := filepath.Glob(tr.path("*"))
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, name := range append(names, tr.dir) {
		if name == program {
			continue
		}
		if err := os.Chown(name, p.uid, p.gid); err != nil {
			tr.t.Fatal(err)
		}
	}
}

// copyOf gives a program another name, or copies it where a name is not possible.
func copyOf(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// lowPorts is the last port that a test has taken.
var lowPorts atomic.Int64

func init() { lowPorts.Store(600) }

// lowAddress is a free address whose port only root may bind.
func lowAddress(t *testing.T) string {
	t.Helper()
	first := 1024
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); err == nil {
		first = atoi(t, strings.TrimSpace(string(b)))
	}
	for {
		port := lowPorts.Add(1)
		if port >= int64(min(first, 1024)) {
			break
		}
		address := fmt.Sprintf("%s:%d", loopback, port)
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Skipf("no port below 1024 is free, or root's alone: others may bind from %d on", first)
	return ""
}

// eachPerson tells a story for a person by name and for one by number.
func eachPerson(t *testing.T, story func(t *testing.T, p person)) {
	t.Parallel()
	needsRoot(t)
	for name, who := range map[string]func(*testing.T) person{"by name": nobody, "by number": stranger54321} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, who(t))
		})
	}
}

// owns wants a file to be a person's.
func (p person) owns(t *testing.T, path string) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := st.Sys().(*syscall.Stat_t); !ok || int(s.Uid) != p.uid {
		t.Errorf("%s is not of user %d but %d", path, p.uid, s.Uid)
	}
}

// Every process becomes who the configuration says, with a port that only root could bind,
// and everything that needs files or programs still works.
func TestAllProcessesBecomeTheUser(t *testing.T) {
	eachPerson(t, func(t *testing.T, p person) {
		address := lowAddress(t)
		tr := adjusted(t, "web", keys{
			"worker_type": "process", "supervisor": true, "server_restart_wait": "50ms", "message": "one",
			"chuser": p.user, "chgroup": p.group, "chumask": "027", "listen": address, "address": address,
		}, func(tr *tree, cmd *exec.Cmd) {
			tr.configure(daemonKeys(tr))
			tr.settle(p, cmd)
		})
		tr.exits(0)
		tr.adopt()
		before := tr.serving(2)
		for _, pid := range []int{tr.pid, tr.serverPid(), before[0].pid, before[1].pid} {
			p.is(t, pid, "0027")
		}
		answersAt(t, address)
		p.owns(t, tr.log.path)
		p.owns(t, tr.path("pid"))

		tr.moveLog()
		tr.signal(syscall.SIGUSR2)
		tr.logIsBack()
		p.owns(t, tr.log.path)
		tr.signal(syscall.SIGCONT)
		tr.dumpOf(tr.pid)
		tr.signal(syscall.SIGUSR1)
		after := tr.replaced(before)
		tr.kill(tr.serverPid(), syscall.SIGKILL)
		for _, l := range tr.replaced(after) {
			p.is(t, l.pid, "0027")
		}
		answersAt(t, address)
		tr.signal(syscall.SIGTERM)
		tr.allGone()
		if _, err := os.Stat(tr.path("pid")); err == nil {
			t.Error("the pid file is still there")
		}
	})
}

func TestLogIsRotatedAfterTheUserHasChanged(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	p := nobody(t)
	tr := adjusted(t, "web", keys{"worker_type": "thread", "chuser": p.user, "log_rotate_age": 3, "log_rotate_size": 2048},
		func(tr *tree, cmd *exec.Cmd) { tr.settle(p, cmd) })
	tr.serving(2)
	tr.asking("/slow?for=300ms").arrives("slow answer")
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	all, err := filepath.Glob(tr.log.path + "*")
	if err != nil || len(all) < 3 {
		t.Errorf("the log is not rotated: %v, %v", all, err)
	}
	for _, name := range all {
		p.owns(t, name)
	}
}

// A directory that the new user may not write keeps the pid file, and the log says so. The
// next start takes it over.
func TestPidFileThatTheUserMayNotRemoveStays(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	p := nobody(t)
	for range 2 {
		var path string
		tr := adjusted(t, "web", keys{"worker_type": "thread", "chuser": p.user}, func(tr *tree, cmd *exec.Cmd) {
			path = filepath.Join(filepath.Dir(tr.dir), "pid")
			tr.configure(keys{"pid_path": path})
			tr.settle(p, cmd)
		})
		tr.serving(2)
		if pid := pidIn(t, path); pid != tr.pid {
			t.Errorf("the file says %d, the top is %d", pid, tr.pid)
		}
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
		if r := tr.says("the pid file stays"); !strings.Contains(r.Msg, path) || !strings.Contains(r.Msg, "permission denied") {
			t.Errorf("the log says %s", r.line)
		}
		pidIn(t, path)
	}
}

// R14: a worker of another user than its server's listens all the same.
func TestWorkersOfAnotherUserListen(t *testing.T) {
	eachPerson(t, func(t *testing.T, p person) {
		for _, supervisor := range []bool{false, true} {
			tr := adjusted(t, "web", keys{
				"worker_type": "process", "supervisor": supervisor, "chumask": "022",
				"worker_chuser": p.user, "worker_chgroup": p.group, "worker_chumask": "077",
			}, func(tr *tree, cmd *exec.Cmd) { tr.settle(p, cmd) })
			lives := tr.serving(2)
			tr.mustGet("/")
			above := []int{tr.pid}
			if supervisor {
				above = append(above, tr.serverPid())
			}
			for _, pid := range above {
				if s := statusOf(t, pid); s["Uid"] != "0 0 0 0" || s["Umask"] != "0022" {
					t.Errorf("process %d above the workers: user %s, mask %s", pid, s["Uid"], s["Umask"])
				}
			}
			for _, l := range lives {
				p.is(t, l.pid, "0077")
			}
			tr.kill(lives[0].pid, syscall.SIGKILL)
			p.is(t, tr.onlyReplaced(lives, lives[0])[0].pid, "0077")
			tr.signal(syscall.SIGCONT)
			tr.dumpOf(lives[1].pid)
			p.owns(t, tr.dumpPath(lives[1].pid))
		}
	})
}

// unprivileged starts a role as nobody, who owns the tree's directory.
func unprivileged(t *testing.T, role string, settings keys, adjust ...func(*tree, *exec.Cmd)) *tree {
	t.Helper()
	needsRoot(t, role) // to become nobody
	p := nobody(t)
	return adjusted(t, role, settings, func(tr *tree, cmd *exec.Cmd) {
		for _, f := range adjust {
			f(tr, cmd)
		}
		tr.settle(p, cmd)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}
	})
}

// What needs root is refused with the key and the cure; nothing is half done.
func TestUnprivilegedUserIsToldWhatNeedsRoot(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	low := lowAddress(t)
	for _, c := range []struct {
		name     string
		settings keys
		code     int
		want     []string
	}{
		{"chuser", keys{"chuser": "root"}, 9, []string{"chuser", "root", "operation not permitted", "only root can"}},
		{"chgroup", keys{"chgroup": "0"}, 9, []string{"chgroup", "operation not permitted", "only root can"}},
		{"a port below 1024", keys{"listen": low}, 1, []string{"listen", low, "permission denied"}},
		{"a log of root's", keys{"log": "/proc/version"}, 1, []string{"log", "/proc/version", "can't be opened"}},
		{"a pid file of root's", keys{"pid_path": "/etc/serverengine-test.pid"}, 9, []string{"pid_path", "permission denied"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.settings["daemonize_error_exit_code"] = 9
			tr := unprivileged(t, "web", c.settings)
			tr.complains(c.code, c.want...)
		})
	}
	t.Run("worker_chuser", func(t *testing.T) {
		t.Parallel()
		tr := unprivileged(t, "web", keys{"worker_type": "process", "worker_chuser": "root"})
		r := tr.says("worker exited unexpectedly: failed")
		if want := "as uid 0 gid 0: changing the user was not permitted (only root may start children as somebody else)"; !strings.Contains(r.Msg, want) {
			t.Errorf("the log says %s", r.line)
		}
	})
}

// Who already is the user that the configuration names needs no right to become it.
func TestUnprivilegedUserMayNameItself(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	p := nobody(t)
	tr := unprivileged(t, "web", keys{"worker_type": "process", "chuser": p.user, "chgroup": p.group, "worker_chuser": p.user, "worker_chgroup": p.group})
	tr.serving(2)
	tr.mustGet("/")
}

// Everything else works without root.
func TestUnprivilegedUserHasEverythingElse(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	tr := unprivileged(t, "web", keys{
		"worker_type": "process", "supervisor": true, "server_restart_wait": "50ms", "sigdump_heap": true, "chumask": "077",
		"daemon_process_name": "mill: the keeper", "server_process_name": "mill: the server", "worker_process_name": "mill: worker %d",
	}, func(tr *tree, _ *exec.Cmd) { tr.configure(daemonKeys(tr)) })
	tr.exits(0)
	tr.adopt()
	before := tr.serving(2)
	tr.mustGet("/")
	named(t, tr.pid, "mill: the keeper")
	named(t, tr.serverPid(), "mill: the server")
	named(t, before[1].pid, "mill: worker 1")
	tr.signal(syscall.SIGCONT)
	tr.dumpOf(tr.pid)
	tr.dumpOf(before[0].pid)
	tr.moveLog()
	tr.signal(syscall.SIGUSR2)
	tr.logIsBack()
	tr.signal(syscall.SIGUSR1)
	tr.replaced(before)
	tr.signal(syscall.SIGINT)
	tr.says("server process ready")
	tr.says("server exited: exit 0")
	tr.mustGet("/")
	tr.signal(syscall.SIGTERM)
	tr.allGone()
	if _, err := os.Stat(tr.path("pid")); err == nil {
		t.Error("the pid file is still there")
	}
}
