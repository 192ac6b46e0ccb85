package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestDiffTexts(t *testing.T) {
	a, b := Default(), Default()
	a.Workers, b.Workers = 2, 3
	b.WorkerType, b.Log, b.ServerProcessName, b.PidPath = Process, "x.log", "s", "p"
	b.WorkerGracefulKillTimeout = Never
	b.Chumask = 0o22
	a.Set("gone", 1)
	b.Set("message", "hi there")
	b.Set("big", strings.Repeat("x", 200))
	b.Set("list", []any{1.0, "a"})
	var got []string
	for _, ch := range Diff(a, b) {
		got = append(got, ch.String())
	}
	want := []string{
		`pid_path "" → p (needs a stop and a start)`,
		"chumask -1 → 022 (needs a stop and a start)",
		`server_process_name "" → s (needs a restart of the server)`,
		"worker_type embedded → process (needs a restart of the server)",
		"workers 2 → 3 (now)",
		"worker_graceful_kill_timeout 10m → never (now)",
		`log "" → x.log (now)`,
		"big unset → " + strings.Repeat("x", 79) + "… (now)",
		"gone 1 → unset (now)",
		`list unset → [1.0,"a"] (now)`,
		"message unset → hi there (now)",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDiffByMeaning(t *testing.T) {
	a, b := Default(), Default()
	a.StopTimeout, b.StopTimeout = -1*sec, Never
	a.SignalDump, b.SignalDump = "SIGCONT", "cont"
	a.UnrecoverableExitCodes, b.UnrecoverableExitCodes = nil, []int{}
	a.Set("f", 1.5)
	b.Set("f", 1.5)
	if d := Diff(a, b); len(d) > 0 {
		t.Error(d)
	}
	a.Set("f", 1.0)
	b.Set("f", 1)
	if d := Diff(a, b); len(d) != 1 {
		t.Error("a float is taken for an integer")
	}
	a.Set("f", nil)
	if d := Diff(Default(), a); len(d) != 1 || d[0].New != "null" {
		t.Errorf("%v", d)
	}
}

// Of keys that wait for a stop and a start, the old value stays; all others are the new ones.
func TestKeep(t *testing.T) {
	a, b := Default(), Default()
	b.SocketReuseport, b.SocketBacklog, b.Listen, b.Chuser, b.SignalDump = true, 7, []string{"tcp://:80"}, "app", "WINCH"
	b.Supervisor, b.Workers, b.DrainWait, b.ServerProcessName = true, 5, sec, "s"
	b.Set("message", "hi")
	kept := Keep(a, b)
	var changed []string
	for _, ch := range Diff(a, kept) {
		changed = append(changed, ch.Key)
	}
	if want := []string{"server_process_name", "workers", "drain_wait", "message"}; !reflect.DeepEqual(changed, want) {
		t.Errorf("changed: %v, want %v", changed, want)
	}
	if a.SocketReuseport || !b.SocketReuseport {
		t.Error("it changed what it was given")
	}
}
