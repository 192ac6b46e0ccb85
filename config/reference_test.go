package config

import (
	"errors"
	"strings"
	"testing"
)

func TestReference(t *testing.T) {
	var b strings.Builder
	if err := WriteReference(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, line := range []string{
		"| `workers` | number | `1` | live | Number of workers; 0 is allowed. |",
		"| `worker_type` | `embedded`, `thread`, `process`, `spawn` | `embedded` | server | ",
		"| `chumask` | mask | `-1` | never | ",
		"| `stop_timeout` | duration | `-1` | live | ",
		"| `worker_graceful_kill_timeout` | duration | `10m` | live | ",
		"| `command_sender` | `signal`, `pipe` | `signal`; `pipe` on Windows | never | ",
		"| `unrecoverable_exit_codes` | list of numbers | `[]` | live | ",
		"| `log_level` | level | `debug` | live | ",
		"| `signal_dump` | signal | `CONT` | never | ",
		"## Daemon\n", "## Supervisor\n\nWithout supervisor: true these have no effect.\n", "## Signals\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the reference has no %q", line)
		}
	}
	for _, k := range Keys() {
		if strings.Count(text, "\n| `"+k.Name+"` |") != 1 {
			t.Errorf("%s is not there once", k.Name)
		}
	}
	if err := WriteReference(full{}); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
