//go:build unix

package serverengine_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
)

// cantStart are commands that can't be started, and what the log has to say of them.
func cantStart(t *testing.T) map[string]struct {
	command serverengine.Command
	want    []string
} {
	t.Helper()
	file := func(name string, mode os.FileMode, content string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := errors.Join(os.WriteFile(path, []byte(content), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	missing := filepath.Join(t.TempDir(), "missing")
	closed := file("closed", 0o644, "#!/bin/sh\n")
	plain := file("plain", 0o755, "echo I am no program\n")
	nobody := file("nobody", 0o755, "#!/no/such/interpreter\n")
	foreign := file("foreign", 0o755, "MZ this is for another system")
	return map[string]struct {
		command serverengine.Command
		want    []string
	}{
		"missing":               {serverengine.Command{Path: missing}, []string{"start " + missing + ": does not exist", filepath.Dir(missing)}},
		"not in PATH":           {serverengine.Command{Path: "no-such-command"}, []string{"start no-such-command: not found in PATH", "give its path"}},
		"not executable":        {serverengine.Command{Path: closed}, []string{"start " + closed + " (-rw-r--r--): is not executable", "chmod +x " + closed}},
		"no format":             {serverengine.Command{Path: plain}, []string{"start " + plain + " (-rwxr-xr-x): has no format", "#!"}},
		"another system":        {serverengine.Command{Path: foreign}, []string{"start " + foreign, "is a program for another system (Windows)"}},
		"no interpreter":        {serverengine.Command{Path: nobody}, []string{"start " + nobody, "its interpreter /no/such/interpreter does not exist"}},
		"no directory":          {serverengine.Command{Path: "/bin/sh", Dir: missing}, []string{"the working directory " + missing + " does not exist"}},
		"a directory":           {serverengine.Command{Path: filepath.Dir(missing)}, []string{"start " + filepath.Dir(missing), "is a directory"}},
		"with sockets":          {serverengine.Command{Path: plain, Listen: []string{"127.0.0.1:0"}}, []string{"start " + plain, "has no format"}},
		"missing, with wire":    {serverengine.Command{Path: missing, Wire: true}, []string{"start " + missing + ": does not exist"}},
		"no such user":          {serverengine.Command{Path: "/bin/sh", User: "no-such-user"}, []string{"no-such-user"}},
		"a bad address":         {serverengine.Command{Path: "/bin/sh", Listen: []string{"here and there"}}, []string{"Listen", "here and there"}},
		"an empty path":         {serverengine.Command{}, []string{"Command.Path is empty"}},
		"sockets and a wire":    {serverengine.Command{Path: "/bin/sh", Wire: true, Listen: []string{"127.0.0.1:0"}}, []string{"Listen is for plain commands"}},
		"a zero in an argument": {serverengine.Command{Path: "/bin/sh", Args: []string{"a\x00b"}}, []string{"start /bin/sh", "NUL"}},
	}
}

// A command that can't be started is explained in one line, as an error of its worker, and
// tried again ever more slowly.
func TestCommandThatCannotBeStartedIsExplained(t *testing.T) {
	t.Parallel()
	for name, c := range cantStart(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := spawn(t, c.command, keys{"restart_worker_interval": 0, "restart_backoff": "200ms"})
			r := tr.says(c.want[0])
			if r.Level != "error" || r.Worker == nil || *r.Worker != 0 || r.Incarnation != "1.0.1" {
				t.Errorf("the line is not an error of worker 0: %s", r.line)
			}
			for _, want := range c.want {
				if !contains(r.Msg, want) {
					t.Errorf("want %q: %s", want, r.Msg)
				}
			}
			tr.saysOf("1.0.1", "worker exited unexpectedly")
			if n := count(tr.log.read(), "AfterStart"); n != 0 {
				t.Error("AfterStart was called for a command that never was")
			}
		})
	}
}

func TestCommandThatCannotBeStartedDoesNotSpin(t *testing.T) {
	t.Parallel()
	tr := spawn(t, serverengine.Command{Path: "/no/such/command"}, keys{"restart_worker_interval": 0})
	began := tr.saysOf("1.0.1", "worker exited unexpectedly").Time
	eventually(t, "two seconds have passed", func() bool { return time.Since(began) > 2*time.Second })
	if n := count(tr.log.read(), "worker exited"); n < 2 || n > 20 {
		t.Errorf("%d starts within two seconds", n)
	}
}

// Spawn's own failure is a start that failed, in the log and nothing else.
func TestSpawnThatFailsOrPanicsIsAStartThatFailed(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{"error": "App.Spawn: no command today", "panic": "App.Spawn: panic: nobody knows the command"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			tr := spawn(t, shell(obedient), keys{"command": command, "restart_worker_interval": 0, "restart_backoff": "20ms", "restart_backoff_max": "50ms", "max_restarts": 0})
			r := tr.saysOf("1.0.3", "worker exited unexpectedly: failed: "+want)
			if r.Level != "error" || *r.Worker != 0 {
				t.Errorf("not an error of worker 0: %s", r.line)
			}
			tr.configure(keys{"command": encoded(t, shell(obedient))})
			tr.signal(syscall.SIGUSR2)
			tr.serving(1)
		})
	}
}
