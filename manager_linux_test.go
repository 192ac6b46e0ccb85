package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/sockets"
)

func init() {
	roles["tells the path"] = func() { run(tellingApp()) }
	roles["shares its sockets"] = func() {
		app := tellingApp()
		app.ShareSockets = true
		run(app)
	}
}

// tellingApp tells where the socket manager is, as the server and as each worker.
func tellingApp() serverengine.App {
	return serverengine.App{
		Server: func(s *serverengine.Server) (any, error) { return tellingServer{s}, nil },
		Worker: serverengine.Func(func(ctx context.Context, self *serverengine.Self) error {
			path, token, err := self.SocketManager()
			if err != nil {
				return err
			}
			c, err := sockets.Dial(path, token) // as who the worker is
			if err != nil {
				return err
			}
			defer c.Close()
			ln, err := c.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			pc, err := self.ListenPacketWith("udp", "127.0.0.2:0", sockets.ListenOptions{ReusePort: true})
			if err != nil {
				return err
			}
			self.Ready()
			own := pc.(*sockets.DrainingPacketConn).PacketConn
			self.Logger().Infof("worker: path=%s token=%s address=%s reuseport=%s", path, token, ln.Addr(), reusePort(own))
			<-ctx.Done()
			return nil
		}),
	}
}

type tellingServer struct{ *serverengine.Server }

func (s tellingServer) BeforeRun() error {
	path, token, err := s.SocketManager()
	if err != nil {
		return err
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	pc, err := s.ListenPacketWith("udp", "127.0.0.3:0", sockets.ListenOptions{ReusePort: true})
	if err == nil {
		say("server: path=%s token=%s reuseport=%s address=%s in BeforeRun", path, token, reusePort(pc), ln.Addr())
	}
	return err
}

// reusePort is whether a socket is one of several of its address.
func reusePort(c net.PacketConn) string {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return err.Error()
	}
	on := 0
	if err := raw.Control(func(fd uintptr) { on, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT) }); err != nil {
		return err.Error()
	}
	return fmt.Sprint(on)
}

// The path can be learned in every worker type, below a supervisor or not, by workers and
// the server's own code; a program outside the tree then gets their sockets.
func TestPathIsToldToWorkersAndServer(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		for _, supervisor := range []bool{false, true} {
			tr := start(t, "tells the path", keys{"worker_type": typ, "workers": n, "supervisor": supervisor})
			r := tr.says("worker: path=")
			path, token := field(r.Msg, "path"), field(r.Msg, "token")
			for _, who := range []string{r.Msg, tr.says("server: path=").Msg} {
				if field(who, "path") != path || field(who, "token") != token || field(who, "reuseport") != "1" {
					t.Errorf("it says %s", who)
				}
				c, err := sockets.Dial(path, token)
				if err != nil {
					t.Fatal(err)
				}
				ln, err := c.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				if want := field(who, "address"); ln.Addr().String() != want {
					t.Errorf("outside it is %s, inside %s", ln.Addr(), want)
				}
				_, _ = ln.Close(), c.Close()
			}
			tr.signal(syscall.SIGTERM)
			tr.exits(0)
			if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left behind", filepath.Dir(path))
			}
		}
	})
}

// outsider makes the command of a tree the one that asks the socket manager, with a program
// that anybody may run.
func (tr *tree) outsider(p person, cmd *exec.Cmd) {
	tr.t.Helper()
	c := playing(tr.t, "command of the socket manager")
	c.Path = tr.path("program")
	tr.configure(keys{"command": encoded(tr.t, c)})
	tr.settle(p, cmd)
}

// environment is a variable of a running process.
func environment(t *testing.T, pid int, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	for v := range strings.SplitSeq(string(b), "\x00") {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// owned wants a file to be a user's, with this mode.
func owned(t *testing.T, path string, uid int, mode os.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != uid || info.Mode().Perm() != mode {
		t.Errorf("%s is of user %d, %v; want %d, %v", path, got, info.Mode().Perm(), uid, mode)
	}
}

// A top of root's gives the socket to who commands run as, and never its directory. After a
// reload it is for who they run as then.
func TestSocketManagerIsGivenToWorkerChuserAlone(t *testing.T) {
	t.Parallel()
	needsRoot(t, "command of the socket manager")
	for _, supervisor := range []bool{false, true} {
		tr := adjusted(t, "spawner", spawnKeys(t, shell(obedient), keys{"worker_chuser": "1234", "worker_chgroup": "2345", "supervisor": supervisor}),
			func(tr *tree, cmd *exec.Cmd) { tr.outsider(person{}, cmd) })
		before := tr.serving(1)
		_, pid, _ := tr.commandOf(before[0].incarnation)
		path := environment(t, pid, "SERVERENGINE_SOCKETMANAGER_PATH")
		owned(t, path, 1234, 0o600)
		owned(t, filepath.Dir(path), 0, 0o710)
		tr.configure(keys{"worker_chuser": "54321", "worker_chgroup": "54322"})
		tr.signal(syscall.SIGUSR1)
		after := tr.replaced(before)
		_, pid, _ = tr.commandOf(after[0].incarnation)
		stranger54321(t).is(t, pid, statusOf(t, tr.pid)["Umask"])
		owned(t, path, 54321, 0o600)
		owned(t, filepath.Dir(path), 0, 0o710)
		tr.mustGet("/")
	}
}

// The variables of the user that the top was are of no use to the one that it becomes.
func TestSocketManagerFindsAPlaceAfterChuser(t *testing.T) {
	t.Parallel()
	needsRoot(t, "command of the socket manager")
	for _, supervisor := range []bool{false, true} {
		p, temporary := nobody(t), ""
		tr := adjusted(t, "spawner", spawnKeys(t, shell(obedient), keys{"chuser": p.user, "chgroup": p.group, "supervisor": supervisor}),
			func(tr *tree, cmd *exec.Cmd) {
				closed := shortDir(t)
				temporary = shortDir(t)
				if err := os.Chmod(temporary, 0o777|os.ModeSticky); err != nil {
					t.Fatal(err)
				}
				cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+closed, "RUNTIME_DIRECTORY="+closed, "TMPDIR="+temporary)
				tr.outsider(p, cmd)
			})
		tr.serving(1)
		tr.mustGet("/")
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
		if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

// A command that never asks the socket manager starts without one; the log says so, once.
func TestCommandsStartWithoutTheSocketManager(t *testing.T) {
	t.Parallel()
	for _, supervisor := range []bool{false, true} {
		missing := filepath.Join(t.TempDir(), "missing")
		script := introduction + `echo "path=$SERVERENGINE_SOCKETMANAGER_PATH token=$SERVERENGINE_SOCKETMANAGER_TOKEN"` + obedient
		tr := startWith(t, "spawner", spawnKeys(t, shell(script), keys{"workers": 3, "supervisor": supervisor}), launch{env: []string{
			sockets.EnvSockDir + "=" + missing, "SERVERENGINE_SOCKETMANAGER_PATH=/of/another", "SERVERENGINE_SOCKETMANAGER_TOKEN=another"}})
		tr.serving(3)
		r := tr.says("commands start without SERVERENGINE_SOCKETMANAGER_PATH")
		if r.Level != "error" || !strings.Contains(r.Msg, "$"+sockets.EnvSockDir) || !strings.Contains(r.Msg, missing) {
			t.Errorf("the log says %s", r.line)
		}
		if n := count(tr.log.read(), "commands start without"); n != 1 {
			t.Errorf("it says so %d times", n)
		}
		tr.says("path= token=")
	}
}

// Nobody takes the sockets over, unless the program is for that: then the log says so.
func TestTakingOverTheSocketsOfAServer(t *testing.T) {
	t.Parallel()
	for role, allowed := range map[string]bool{"tells the path": false, "shares its sockets": true} {
		tr := start(t, role, keys{"worker_type": "process", "workers": 1})
		r := tr.says("worker: path=")
		path, token := field(r.Msg, "path"), field(r.Msg, "token")
		s, err := sockets.TakeOver(path, token, sockets.Options{})
		if !allowed {
			if !errors.Is(err, sockets.ErrDenied) {
				t.Fatalf("%s: %v", role, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		tr.says(fmt.Sprintf("the sockets were taken over by process %d", os.Getpid()))
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the path is gone: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it is left behind: %v", err)
		}
	}
}

// Workers of another user than the top's are let in as spawned commands are.
func TestWorkersOfAnotherUserReachTheSocketManager(t *testing.T) {
	eachPerson(t, func(t *testing.T, p person) {
		for _, supervisor := range []bool{false, true} {
			tr := adjusted(t, "tells the path", keys{"worker_type": "process", "supervisor": supervisor, "worker_chuser": p.user, "worker_chgroup": p.group},
				func(tr *tree, cmd *exec.Cmd) { tr.settle(p, cmd) })
			p.is(t, tr.serving(2)[0].pid, statusOf(t, tr.pid)["Umask"])
			owned(t, field(tr.says("worker: path=").Msg, "path"), p.uid, 0o600)
		}
	})
}
