package config

import (
	"testing"
	"time"
)

func TestMasksAreOctal(t *testing.T) {
	for text, want := range map[string]Umask{
		"022": 0o22, "0o22": 0o22, `"022"`: 0o22, "0O22": 0o22, "0": 0, "7": 7, "00": 0, "0777": 0o777, "-1": NoUmask, "027": 0o27,
	} {
		if c := merge(t, "chumask: "+text+"\nworker_chumask: "+text); c.Chumask != want || c.WorkerChumask != want {
			t.Errorf("%s: %o, want %o", text, c.Chumask, want)
		}
	}
	for _, text := range []string{"22", "777", "8", "09", "0x12", "0b1", "-2", "u=rwx", "1.5", "''"} {
		c := Default()
		if err := c.MergeBytes("a.yml", []byte("chumask: "+text)); err == nil {
			t.Errorf("%s was taken as %o", text, c.Chumask)
		}
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1": sec, "1.0": sec, "0.5": sec / 2, ".5": sec / 2, "1e3": 1000 * sec, "1_000": 1000 * sec, "1m30s": 90 * sec,
		"'2'": 2 * sec, "250ms": sec / 4, "-1": Never, "-0.5": Never, "-3h": Never, "never": Never, "Never": Never,
		"-0.0000000001": Never, "0": 0, "0.0000000001": 0, "9000000000": 9000000000 * sec,
	} {
		if c := merge(t, "stop_timeout: "+text); c.StopTimeout != want {
			t.Errorf("%s: %v, want %v", text, c.StopTimeout, want)
		}
	}
	for _, text := range []string{"10000000000", "-10000000000", "1e10", ".inf", "-.inf", ".nan", "''", "5 s", "true"} {
		c := Default()
		if err := c.MergeBytes("a.yml", []byte("stop_timeout: "+text)); err == nil {
			t.Errorf("%s was taken as %v", text, c.StopTimeout)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1b": 1, "1K": 1024, "1kb": 1024, "1 KiB": 1024, "1.5M": 3 << 19, "512MB": 512 << 20, "2g": 2 << 30, "1TB": 1 << 40,
		"1_000": 1000, "0x10": 16,
	} {
		if c := merge(t, "worker_max_memory: "+text); c.WorkerMaxMemory != want {
			t.Errorf("%s: %d, want %d", text, c.WorkerMaxMemory, want)
		}
	}
	for _, text := range []string{"MB", "1IB", "1X", "1MBs", "''", "1e", "9e18K", "--1M"} {
		c := Default()
		if err := c.MergeBytes("a.yml", []byte("worker_max_memory: "+text)); err == nil {
			t.Errorf("%s was taken as %d", text, c.WorkerMaxMemory)
		}
	}
}

func TestLists(t *testing.T) {
	for text, want := range map[string]int{"3": 1, "[3, 4]": 2, "'3, 4'": 2, "[]": 0, "''": 0, "'[3,4,5]'": 3} {
		if c := merge(t, "unrecoverable_exit_codes: "+text); len(c.UnrecoverableExitCodes) != want {
			t.Errorf("%s: %v, want %d", text, c.UnrecoverableExitCodes, want)
		}
	}
	if c := merge(t, `listen: "[::1]:80,[::]:81"`); len(c.Listen) != 2 || c.Listen[0] != "[::1]:80" {
		t.Errorf("%q", c.Listen)
	}
}

func TestDistance(t *testing.T) {
	for _, r := range []struct {
		a, b string
		want int
	}{{"log", "log", 0}, {"log", "logs", 1}, {"lgo", "log", 1}, {"workres", "workers", 1}, {"worksre", "workers", 2}, {"a", "abcd", 3}, {"", "ab", 2}} {
		if got := distance(r.a, r.b, 4); got != r.want {
			t.Errorf("%s %s: %d, want %d", r.a, r.b, got, r.want)
		}
	}
}

// TestKeysOfUsers: names that programs are likely to use are theirs.
func TestKeysOfUsers(t *testing.T) {
	for _, key := range []string{"message", "sleep", "bind", "port", "user", "group", "host", "timeout", "threads", "queue", "url",
		"blog", "dog", "slog", "tag", "database", "max_retries", "worker_id", "server", "name", "listener", "umask", "level"} {
		if near := nearest(key); near != "" {
			t.Errorf("%s is taken for %s", key, near)
		}
	}
}
