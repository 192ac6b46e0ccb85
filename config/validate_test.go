package config

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
}

func TestBornInDefaultAlone(t *testing.T) {
	var zero Config
	err := zero.Validate()
	if err == nil || !strings.Contains(err.Error(), "start from serverengine.Default()") {
		t.Errorf("%v", err)
	}
	if _, err := Load(zero); err == nil || !strings.Contains(err.Error(), startHint) {
		t.Errorf("%v", err)
	}
	if _, err := Encode(zero); err == nil {
		t.Error("a Config from nowhere was encoded")
	}
	born := Default()
	again := born
	if err := again.Validate(); err != nil {
		t.Errorf("a copy is refused: %v", err)
	}
}

// TestRules gives each rule a value that breaks it, and expects the one problem
// that names the key.
func TestRules(t *testing.T) {
	rows := []struct {
		key  string
		edit func(*Config)
		want string
	}{
		{"workers", func(c *Config) { c.Workers = -1 }, "workers -1: is out of range; allowed: a whole number from 0 to 1000000"},
		{"workers", func(c *Config) { c.Workers = 2_000_000 }, "is out of range"},
		{"max_surge", func(c *Config) { c.MaxSurge = 0 }, "allowed: a whole number of 1 or more"},
		{"daemonize_error_exit_code", func(c *Config) { c.DaemonizeErrorExitCode = 256 }, "from 0 to 255"},
		{"unrecoverable_exit_codes", func(c *Config) { c.UnrecoverableExitCodes = []int{3, 300} }, "unrecoverable_exit_codes [3, 300]: is out of range; allowed: a list of whole numbers from 0 to 255"},
		{"recycle_jitter", func(c *Config) { c.RecycleJitter = 1.5 }, "allowed: a number from 0 to 1"},
		{"recycle_jitter", func(c *Config) { c.RecycleJitter = math.NaN() }, "recycle_jitter NaN"},
		{"start_worker_delay", func(c *Config) { c.StartWorkerDelay = Never }, "start_worker_delay -1ns: is too short"},
		{"worker_heartbeat_interval", func(c *Config) { c.WorkerHeartbeatInterval = 0 }, "more than 0"},
		{"worker_heartbeat_timeout", func(c *Config) { c.WorkerHeartbeatTimeout = 0 }, "or -1 for never"},
		{"worker_heartbeat_timeout", func(c *Config) { c.WorkerHeartbeatTimeout = time.Second }, "is not longer than worker_heartbeat_interval, 1s"},
		{"server_heartbeat_timeout", func(c *Config) { c.ServerHeartbeatTimeout = time.Second / 2 }, "is not longer than server_heartbeat_interval, 1s"},
		{"chumask", func(c *Config) { c.Chumask = 0o1000 }, "chumask 01000: is no file mode mask"},
		{"worker_chumask", func(c *Config) { c.WorkerChumask = -2 }, "or -1 to keep the mask"},
		{"worker_type", func(c *Config) { c.WorkerType = "proces" }, "worker_type proces: is unknown; did you mean process? allowed: embedded, thread, process, spawn"},
		{"worker_type", func(c *Config) { c.WorkerType = "" }, `worker_type "": is unknown`},
		{"log_level", func(c *Config) { c.LogLevel = "warning" }, "allowed: trace, debug, info, warn, error, fatal"},
		{"log_level", func(c *Config) { c.LogLevel = "inof" }, "did you mean info?"},
		{"log_rotate_size", func(c *Config) { c.LogRotateSize = 0 }, "is no size to rotate at"},
		{"pid_path", func(c *Config) { c.PidPath = "a\x00b" }, "contains a zero byte"},
		{"signal_dump", func(c *Config) { c.SignalDump = "FOO" }, "signal_dump FOO: is no signal; allowed: TERM"},
		{"signal_dump", func(c *Config) { c.SignalDump = "" }, `signal_dump "": is no signal`},
		{"signal_dump", func(c *Config) { c.SignalDump = "KILL" }, "can't be caught"},
		{"signal_dump", func(c *Config) { c.SignalDump = "TTIN" }, "it adds or removes a worker"},
		{"signal_dump", func(c *Config) { c.SignalDump = "SIGURG" }, "belongs to the Go runtime"},
		{"signal_dump", func(c *Config) { c.SignalDump = "CHLD" }, "belongs to the process itself"},
		{"signal_detach", func(c *Config) { c.SignalDetach = "sigterm" }, "is the signal of signal_graceful_stop too"},
		{"worker_reload_signal", func(c *Config) { c.WorkerReloadSignal = "KILL" }, "stops the command instead of telling it"},
		{"worker_reload_signal", func(c *Config) { c.WorkerReloadSignal = "FOO" }, "is no signal that can be sent"},
		{"restart_strategy", func(c *Config) { c.RestartStrategy, c.SupervisionStrategy = StrategyRolling, OneForAll }, "needs supervision_strategy one_for_one, which is one_for_all"},
		{"restart_backoff_max", func(c *Config) { c.RestartBackoff = time.Minute }, "is less than restart_backoff, 1m"},
		{"worker_max_message_size", func(c *Config) { c.WorkerMaxMessageSize = 2 << 30 }, "from 1 to 1073741824"},
		{"listen", func(c *Config) { c.Listen = []string{"0.0.0.0"} }, "has an address 0.0.0.0 that has no port"},
		{"listen", func(c *Config) { c.Listen = []string{":80", "tcp://:80"} }, "has the address tcp://:80 twice"},
	}
	for _, r := range rows {
		c := Default()
		r.edit(&c)
		es, _ := errors.AsType[ConfigErrors](c.Validate())
		if len(es) != 1 || es[0].Key != r.key || !strings.Contains(es[0].Error(), r.want) {
			t.Errorf("%s: got %v\nwant %s", r.key, es, r.want)
		}
	}
}

// TestAllowed are values near a rule that must pass.
func TestAllowed(t *testing.T) {
	for i, edit := range []func(*Config){
		func(c *Config) { c.Workers = 0 },
		func(c *Config) { c.WorkerHeartbeatTimeout = -5 * time.Second },
		func(c *Config) { c.LogRotateAge, c.LogRotateSize = 0, 0 },
		func(c *Config) { c.RestartBackoff, c.RestartBackoffMax = 0, 0 },
		func(c *Config) { c.WorkerType, c.SupervisionStrategy = Process, OneForAll },
		func(c *Config) { c.WorkerReloadSignal = "SIGTTIN" },
		func(c *Config) { c.LogLevel = "INFO" },
		func(c *Config) { c.SignalGracefulStop, c.SignalDetach = "INT", "TERM" },
		func(c *Config) {
			c.Listen = []string{"localhost:http", "[::1]:0", "udp6://[fe80::1%eth0]:53", "unix:///run/a.sock", "unixgram://@abstract", ":8080"}
		},
	} {
		c := Default()
		edit(&c)
		if err := c.Validate(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for a, want := range map[string]string{
		"":               "has no port",
		"tcp://":         "has no port",
		"::1:80":         "needs brackets",
		"a:70000":        "has no port from 0 to 65535",
		"a:":             "has no port from 0 to 65535",
		"http://a:80":    "is of an unknown network",
		"unix://":        "names no path",
		"a b:80":         "contains blanks",
		"unix:///a\xff/": "contains blanks or control characters",
	} {
		if got := addressProblem(a); !strings.Contains(got, want) || want == "" {
			t.Errorf("%q: %q, want %q", a, got, want)
		}
	}
}

func TestEveryEnumerationRefusesTheUnknown(t *testing.T) {
	n := 0
	for i := range fields {
		c := Default()
		s, ok := enumText(fields[i].at(&c))
		if !ok {
			continue
		}
		n++
		for _, name := range choices(fields[i].at(&c)) {
			if *s = name; c.Validate() != nil && name != string(StrategyRolling) {
				t.Errorf("%s refuses %s", fields[i].key, name)
			}
		}
		*s = "nonsense"
		es, _ := errors.AsType[ConfigErrors](c.Validate())
		if len(es) != 1 || es[0].Key != fields[i].key {
			t.Errorf("%s: %v", fields[i].key, es)
		}
	}
	if n != 8 {
		t.Errorf("%d enumerations, want 8", n)
	}
}

func TestPlaceOfAWrongValue(t *testing.T) {
	c := merge(t, "a: 1\nworkers: -3\nmax_surge: 0\n")
	es, _ := errors.AsType[ConfigErrors](c.Validate())
	if len(es) != 2 || es[0].Error() != "a.yml:2: workers -3: is out of range; allowed: a whole number from 0 to 1000000" {
		t.Errorf("%v", es)
	}
	c.Workers = -4 // set in code since: the file is not to blame
	es, _ = errors.AsType[ConfigErrors](c.Validate())
	if i := slices.IndexFunc(es, func(e *ConfigError) bool { return e.Key == "workers" }); i < 0 || es[i].File != "" {
		t.Errorf("%v", es)
	}
}

func TestResolvedSchedulingPolicy(t *testing.T) {
	for _, r := range []struct {
		set            SchedulingPolicy
		pinned         bool
		workers, cores int
		want           SchedulingPolicy
	}{
		{PolicyAuto, true, 4, 2, PolicyBatch},
		{PolicyAuto, true, 2, 2, PolicyOther},
		{PolicyAuto, false, 4, 2, PolicyOther},
		{PolicyOther, true, 4, 2, PolicyOther},
		{PolicyBatch, false, 1, 8, PolicyBatch},
	} {
		c := Default()
		c.WorkerSchedulingPolicy, c.SocketReuseport, c.Workers = r.set, r.pinned, r.workers
		if got := c.ResolvedSchedulingPolicy(r.cores); got != r.want {
			t.Errorf("%+v: %s", r, got)
		}
	}
}

func TestResolvedRestartStrategy(t *testing.T) {
	for _, r := range []struct {
		typ  WorkerType
		sup  SupervisionStrategy
		set  RestartStrategy
		want RestartStrategy
	}{
		{Embedded, OneForOne, StrategyAuto, StrategyAll},
		{Thread, OneForOne, StrategyAuto, StrategyAll},
		{Process, OneForOne, StrategyAuto, StrategyRolling},
		{Spawn, OneForOne, StrategyAuto, StrategyRolling},
		{Process, OneForAll, StrategyAuto, StrategyAll},
		{Process, OneForOne, StrategyAll, StrategyAll},
		{Thread, OneForOne, StrategyRolling, StrategyRolling},
	} {
		c := Default()
		c.WorkerType, c.SupervisionStrategy, c.RestartStrategy = r.typ, r.sup, r.set
		if got := c.ResolvedRestartStrategy(); got != r.want {
			t.Errorf("%+v: %s", r, got)
		}
	}
}
