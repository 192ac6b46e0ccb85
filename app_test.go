package serverengine

import (
	"errors"
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
