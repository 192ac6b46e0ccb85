package serverengine

import (
	"errors"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go/config"
)

// Where there are no child processes, what needs them is refused with its key and the cure.
func TestWithoutProcessesTheyAreRefused(t *testing.T) {
	for _, c := range []struct {
		typ        config.WorkerType
		supervisor bool
		key        string
	}{
		{config.Embedded, false, ""}, {config.Thread, false, ""},
		{config.Process, false, "worker_type"}, {config.Spawn, false, "worker_type"}, {config.Thread, true, "supervisor"},
	} {
		cfg := Default()
		cfg.WorkerType, cfg.Supervisor = c.typ, c.supervisor
		if err := hasProcesses(cfg, "linux"); err != nil {
			t.Errorf("linux, %s: %v", c.typ, err)
		}
		err := hasProcesses(cfg, "windows")
		var bad *ConfigError
		if c.key == "" && err != nil || c.key != "" && (!errors.As(err, &bad) || bad.Key != c.key || bad.Hint == "") {
			t.Errorf("windows, %s, supervisor %t: %v, want key %q", c.typ, c.supervisor, err, c.key)
		}
	}
}

// What no child process could be given is refused, with the key that makes it so large.
func TestConfigurationThatIsTooLargeForChildren(t *testing.T) {
	for _, typ := range []config.WorkerType{config.Thread, config.Process} {
		cfg := Default()
		cfg.WorkerType = typ
		cfg.Set("small", 1)
		cfg.Set("words", strings.Repeat("x", 5<<20))
		err := App{Worker: Func(nil)}.check(cfg)
		var bad *ConfigError
		if refused := errors.As(err, &bad); refused != (typ == config.Process) {
			t.Errorf("%s: %v", typ, err)
		} else if refused && (bad.Key != "words" || !strings.Contains(bad.Problem, "4194304 are allowed") || bad.Hint == "") {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
