//go:build unix

package serverengine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go"
)

func TestCommandGetsItsArgumentsDirectoryAndEnvironment(t *testing.T) {
	t.Parallel()
	c := shell(introduction+`
		echo "args=$#,$1,$2 dir=$(pwd -P) id=$SERVERENGINE_WORKER_ID mine=$MINE tree=$`+treeVar+`"
		echo "path=$SERVERENGINE_SOCKETMANAGER_PATH token=$SERVERENGINE_SOCKETMANAGER_TOKEN"
		echo "not its own: [$SERVERENGINE_BRIDGE$GOMAXPROCS$LISTEN_FDS$LISTEN_PID$NOTIFY_SOCKET]"
		echo "from stderr" >&2`+obedient, "one", "two words")
	c.Dir = t.TempDir()
	c.Env = []string{"MINE=first", "MINE=last", "SERVERENGINE_WORKER_ID_OF_OLD=3"}
	tr := startWith(t, "spawner", spawnKeys(t, c, keys{"workers": 2}), launch{env: []string{"NOTIFY_SOCKET=/nowhere", "LISTEN_FDS=1", "LISTEN_PID=1"}})
	dir, err := filepath.EvalSymlinks(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for slot, l := range tr.serving(2) {
		line, pid, keeper := tr.commandOf(l.incarnation)
		// What comes before the top knows the command's pid is taken for its keeper's.
		if *line.Worker != slot || line.Stream != "stdout" || line.Pid != pid && line.Pid != keeper || l.pid != pid {
			t.Errorf("worker %d is %+v, its command says %s", slot, l, line.line)
		}
		want := fmt.Sprintf("args=2,one,two words dir=%s id=%d mine=last tree=%s", dir, slot, tr.dir)
		tr.saysOf(l.incarnation, want)
		tr.saysOf(l.incarnation, "not its own: []")
		tr.says(fmt.Sprintf("AfterStart of worker %d, pid %d", slot, pid))
		if r := tr.saysOf(l.incarnation, "from stderr"); r.Stream != "stderr" || *r.Worker != slot {
			t.Errorf("stderr of worker %d: %s", slot, r.line)
		}
		manager := tr.saysOf(l.incarnation, "path=").Msg
		if st, err := os.Stat(field(manager, "path")); err != nil || st.Mode()&os.ModeSocket == 0 || field(manager, "token") == "" {
			t.Errorf("the socket manager of worker %d: %s, %v", slot, manager, err)
		}
	}
}

// A start that does not fit into the pipe fails as any other does, and says why.
func TestCommandThatIsTooLargeForItsKeeper(t *testing.T) {
	t.Parallel()
	tr := spawn(t, serverengine.Command{Path: "/bin/true"}, keys{"large_env": 16 << 20})
	r := tr.saysOf("1.0.1", "worker exited unexpectedly")
	for _, want := range []string{"start 1.0.1: ", "at most 17825792", "the command 16777", "give a path"} {
		if !strings.Contains(r.Msg, want) {
			t.Errorf("the log lacks %q: %s", want, r.line)
		}
	}
}

// A command without a slash is looked up as a shell would.
func TestCommandIsFoundInPath(t *testing.T) {
	t.Parallel()
	tr := spawn(t, serverengine.Command{Path: "sh", Args: []string{"-c", introduction + obedient}})
	tr.commandOf("1.0.1")
	tr.serving(1)
}

// The keeper ends as its command does: the log tells of the command and of nobody else.
func TestCommandsEndIsMirrored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ script, says, signal string }{
		{"exit 0", "worker exited: exit 0", ""},
		{"exit 7", "worker exited unexpectedly: exit 7", ""},
		{"exit 137", "worker exited unexpectedly: exit 137", ""},
		{"kill -KILL $$", "worker exited unexpectedly: signal KILL", "KILL"},
		{"kill -SEGV $$", "worker exited unexpectedly: signal SEGV", "SEGV"},
		{"kill -TERM $$", "worker exited unexpectedly: signal TERM", "TERM"},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			tr := spawn(t, shell("ulimit -c 0\n"+introduction+c.script))
			_, pid, _ := tr.commandOf("1.0.1")
			r := tr.says("worker exited")
			if !strings.HasPrefix(r.Msg, c.says) || r.Signal != c.signal || r.WorkerPid != pid {
				t.Errorf("want %q of pid %d: %s", c.says, pid, r.line)
			}
			if c.signal == "" && (r.Code == nil || !strings.HasSuffix(c.says, fmt.Sprint(*r.Code))) {
				t.Errorf("no code: %s", r.line)
			}
			if n := count(tr.log.read(), "worker started"); n != 1 {
				t.Errorf("%d starts", n)
			}
		})
	}
}

// An exit code of a command can be unrecoverable as that of a worker's Run can.
func TestUnrecoverableExitCodeOfACommand(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell("exit 3"), keys{"unrecoverable_exit_codes": "[3]"})
	tr.exits(3)
}

func TestCommandRunsAsItsUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may choose who a command runs as")
	}
	t.Parallel()
	who := shell("echo \"here: user=$(id -u) group=$(id -g) groups=$(id -G) pid=$$ ppid=$PPID\"" + obedient)
	for name, settings := range map[string]keys{"Command.User": {}, "worker_chuser": {"worker_chuser": "1234", "worker_chgroup": "2345"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := who
			if len(settings) == 0 {
				c.User, c.Group = "1234", "2345"
			}
			tr := spawn(t, c, settings)
			line, _, _ := tr.commandOf("1.0.1")
			if want := "user=1234 group=2345 groups=2345 "; !contains(line.Msg, want) {
				t.Errorf("want %s: %s", want, line.Msg)
			}
			tr.serving(1)
		})
	}
}
