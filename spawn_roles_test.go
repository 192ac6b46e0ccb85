//go:build unix

package serverengine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["spawner"] = func() { run(spawnApp()) }
}

// spawnApp runs the command that the configuration says, as JSON.
func spawnApp() serverengine.App {
	return serverengine.App{
		Name: "spawner", Spawn: configured,
		AfterStart: func(slot serverengine.Slot, pid int) { say("AfterStart of worker %d, pid %d", slot.ID, pid) },
	}
}

func configured(slot serverengine.Slot) (c serverengine.Command, err error) {
	text, _ := slot.Config.Get("command")
	switch text {
	case "panic":
		panic("nobody knows the command")
	case "error":
		return c, errors.New("no command today")
	}
	err = json.Unmarshal([]byte(text.(string)), &c)
	if n, ok := slot.Config.Get("large_env"); ok {
		c.Env = append(c.Env, "LARGE="+strings.Repeat("x", n.(int)))
	}
	return c, err
}

// spawn starts the spawner with a command for all its workers.
func spawn(t *testing.T, c serverengine.Command, more ...keys) *tree {
	t.Helper()
	return start(t, "spawner", spawnKeys(t, c, more...))
}

// spawnKeys are its settings: one worker, soon ready, that is not started again.
func spawnKeys(t *testing.T, c serverengine.Command, more ...keys) keys {
	t.Helper()
	settings := keys{"worker_type": "spawn", "workers": 1, "command": encoded(t, c), "worker_ready_after": "10ms", "restart_worker_interval": "1h"}
	for _, m := range more {
		for k, v := range m {
			settings[k] = v
		}
	}
	return settings
}

func encoded(t *testing.T, c serverengine.Command) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// shell is a command in the language of the shell.
func shell(script string, args ...string) serverengine.Command {
	return serverengine.Command{Path: "/bin/sh", Args: append([]string{"-c", script, "sh"}, args...)}
}

// obedient is a shell's end of a script that waits and ends when it is told to. What it
// waits for is killed with its group.
const obedient = "\ntrap 'exit 0' TERM; while :; do sleep 60 & wait $!; done"

// playing is a command that is this test binary in a role.
func playing(t *testing.T, role string, env ...string) serverengine.Command {
	t.Helper()
	played.Store(role, true)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return serverengine.Command{Path: self, Env: append(env, roleVar+"="+role)}
}

// commandOf waits for what the command of a life printed about itself.
func (tr *tree) commandOf(incarnation string) (line record, pid, keeper int) {
	tr.t.Helper()
	eventually(tr.t, "the command of "+incarnation+" introduces itself", func() bool {
		for _, r := range tr.log.read() {
			if r.Incarnation == incarnation && contains(r.Msg, "here: ") {
				line = r
				return true
			}
		}
		return false
	})
	for name, v := range map[string]*int{"pid": &pid, "ppid": &keeper} {
		if _, err := fmt.Sscan(field(line.Msg, name), v); err != nil {
			tr.t.Fatalf("no %s in %s", name, line.line)
		}
	}
	return line, pid, keeper
}

// introduction is the start of a script whose command says who it is.
const introduction = `echo "here: pid=$$ ppid=$PPID"` + "\n"
