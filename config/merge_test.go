package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// merge merges doc over Default or fails the test.
func merge(t *testing.T, doc string) Config {
	t.Helper()
	c := Default()
	if err := c.MergeBytes("a.yml", []byte(doc)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRubyFile(t *testing.T) {
	c := merge(t, `---
:daemonize: yes
:worker_type: :process
:workers: 3
":log_level": :warn
:"log_compress": on
chumask: 0022
:unrecoverable_exit_codes:
  - 3
  - 5
:worker_reload_signal: nil_is_text_in_yaml
:log: ~
:message: hello
:app:
  :bind: 0.0.0.0
  port: 9071
`)
	if !c.Daemonize || c.WorkerType != Process || c.Workers != 3 || c.Chumask != 0o22 || c.Log != "" {
		t.Errorf("%+v", c)
	}
	if !reflect.DeepEqual(c.UnrecoverableExitCodes, []int{3, 5}) {
		t.Error(c.UnrecoverableExitCodes)
	}
	if c.LogLevel != "warn" || !c.LogCompress {
		t.Error(c.LogLevel, c.LogCompress)
	}
	if v, _ := c.Get("message"); v != "hello" {
		t.Error(v)
	}
	if v, _ := c.Get("app"); !reflect.DeepEqual(v, map[string]any{"bind": "0.0.0.0", "port": 9071}) {
		t.Error(v)
	}
	err := c.Validate()
	if e, ok := errors.AsType[*ConfigError](err); !ok || e.Key != "worker_reload_signal" || e.Line != 11 {
		t.Errorf("%v", err)
	}
}

func TestMergeKeepsWhatIsNotNamed(t *testing.T) {
	c := Default()
	c.Workers, c.PidPath = 7, "x.pid"
	c.Set("message", "a")
	if err := c.MergeBytes("a.yml", []byte("workers: 2\n")); err != nil {
		t.Fatal(err)
	}
	if v, _ := c.Get("message"); c.Workers != 2 || c.PidPath != "x.pid" || v != "a" {
		t.Errorf("%d %q %v", c.Workers, c.PidPath, v)
	}
}

func TestMergeIsAllOrNothing(t *testing.T) {
	c := Default()
	before := c
	if err := c.MergeBytes("a.yml", []byte("workers: 2\nmessage: a\nlog_level: [a]\n")); err == nil {
		t.Fatal("no error")
	}
	if !reflect.DeepEqual(c, before) {
		t.Error("a bad file changed the configuration")
	}
}

func TestNullIsTheDefault(t *testing.T) {
	c := Default()
	c.Workers, c.StopTimeout, c.Listen = 7, time.Second, []string{":80"}
	if err := c.MergeBytes("a.yml", []byte("workers: ~\nstop_timeout:\nlisten: null\n")); err != nil {
		t.Fatal(err)
	}
	if d := Diff(Default(), c); len(d) > 0 {
		t.Error(d)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	c := merge(t, `
base: &base {workers: 4, log_level: warn}
more: &more {workers: 5, worker_type: thread}
<<: [*base, *more]
log_level: error
copy: *base
`)
	if c.Workers != 4 || c.LogLevel != "error" || c.WorkerType != Thread {
		t.Errorf("%d %s %s", c.Workers, c.LogLevel, c.WorkerType)
	}
	if v, _ := c.Get("copy"); !reflect.DeepEqual(v, map[string]any{"workers": 4, "log_level": "warn"}) {
		t.Error(v)
	}
}

func TestNothingToMerge(t *testing.T) {
	for _, doc := range []string{"", "# only a comment\n", "---\n", "---\n...\n", "~\n", "{}"} {
		if d := Diff(Default(), merge(t, doc)); len(d) > 0 {
			t.Errorf("%q: %v", doc, d)
		}
	}
}

// TestErrorTexts holds what a person reads. Each says the key or the line, the
// value, and the cure.
func TestErrorTexts(t *testing.T) {
	rows := []struct{ doc, want string }{
		{"workers: many", "a.yml:1: workers many: is not a whole number; allowed: a whole number from 0 to 1000000"},
		{"\nworkers: 99999999999999999999", "a.yml:2: workers 99999999999999999999: is too large a number"},
		{"workers: [1]", "a.yml:1: workers [1]: is a list"},
		{"workers: {a: 1}", "a.yml:1: workers: is a mapping; write a simple value"},
		{"daemonize: maybe", "a.yml:1: daemonize maybe: is not true or false; allowed: true, false"},
		{"orphan_timeout: soon", "a.yml:1: orphan_timeout soon: is not a duration; allowed: seconds like 0.5 or a duration like 1m30s, not negative"},
		{"orphan_timeout: 1e300", "is too long a duration"},
		{"orphan_timeout: .nan", "is not a duration"},
		{"chumask: 18", "a.yml:1: chumask 18: is not an octal number; allowed: octal digits with a leading 0 like 022"},
		{"chumask: 22", "chumask 22: is decimal to some and octal to others; write 022"},
		{"worker_max_memory: 3 parsecs", "is not a size; allowed: bytes as 1048576 or 512MB of 0 or more"},
		{"worker_max_memory: 9000000000GB", "is too large a size"},
		{"log_rotate_age: daily", "log_rotate_age daily: is not a whole number"},
		{"start_worker_delay_rand: lots", "is not a number; allowed: a number from 0 to 2"},
		{"unrecoverable_exit_codes: [3, x]", "has an element x that is not a whole number"},
		{"unrecoverable_exit_codes: [[3]]", "has an element that is no simple value"},
		{"wrokers: 3", "a.yml:1: wrokers: is no key of ours; did you mean workers?"},
		{"a: 1\nworker-type: process", "a.yml:2: worker-type: is no key of ours; did you mean worker_type?"},
		{"Workers: 3", "did you mean workers?"},
		{"logs: a", "did you mean log?"},
		{"workers: 1\n:workers: 2", "a.yml:2: workers: is given twice, first in line 1"},
		{"app: {a: 1, a: 2}", "a.yml:1: app: is given twice, first in line 1"},
		{"- a", "a.yml:1: the file is no mapping; write one key: value per line"},
		{"a: 1\n---\nb: 2", "a.yml:2: a second document begins here"},
		{"a: [1\nb: 2", "a.yml:2: is no YAML: did not find expected ',' or ']'"},
		{"a: 1\nb: \x00", "a.yml:2: is no YAML:"},
		{"a: *nobody", "a.yml:1: is no YAML: unknown anchor 'nobody' referenced"},
		{"[a]: 1", "a.yml:1: a key is no simple text"},
		{"<<: 3", "a.yml:1: <<: is no mapping to merge"},
		{"a: &a [*a]", "refers to itself"},
		{"a: &a {<<: *a}", "refers to itself"},
		{"a: !!int x", "a.yml:1: a x: is no int"},
	}
	for _, r := range rows {
		c := Default()
		err := c.MergeBytes("a.yml", []byte(r.doc))
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%q:\n got %v\nwant %s", r.doc, err, r.want)
		}
		if _, ok := errors.AsType[*ConfigError](err); !ok {
			t.Errorf("%q: %T is no *ConfigError", r.doc, err)
		}
		if _, ok := errors.AsType[ConfigErrors](err); !ok {
			t.Errorf("%q: %T is no ConfigErrors", r.doc, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	c := Default()
	err := c.MergeBytes("a.yml", []byte("workers: many\nwrokers: 3\nok: 1\ndaemonize: maybe\n"))
	es, _ := errors.AsType[ConfigErrors](err)
	if len(es) != 3 || es[0].Line != 1 || es[1].Line != 2 || es[2].Line != 4 {
		t.Errorf("%v", err)
	}
}

// TestBombs: small documents that stand for huge ones cost a bounded effort.
func TestBombs(t *testing.T) {
	var laughs, merges strings.Builder
	laughs.WriteString("a0: &a0 [x, x]\n")
	merges.WriteString("a0: &a0 {x: 1}\n")
	for i := 1; i < 60; i++ {
		n, m := string(rune('a'+i/10))+string(rune('0'+i%10)), string(rune('a'+(i-1)/10))+string(rune('0'+(i-1)%10))
		laughs.WriteString(n + ": &" + n + " [*" + m + ", *" + m + "]\n")
		merges.WriteString(n + ": &" + n + " {<<: [*" + m + ", *" + m + "]}\n")
	}
	for _, doc := range []string{laughs.String(), merges.String()} {
		c := Default()
		if err := c.MergeBytes("a.yml", []byte(doc)); err == nil || !strings.Contains(err.Error(), "stands for too many values") {
			t.Errorf("%.300v", err)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	c := Default()
	path := filepath.Join(t.TempDir(), "none.yml")
	err := c.Merge(path)
	if !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), path+": can't be read: ") || strings.Count(err.Error(), path) != 1 {
		t.Errorf("%v", err)
	}
	if err := c.Merge(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
	big := filepath.Join(t.TempDir(), "big.yml")
	f, err := os.Create(big)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(maxFile+1), f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(big); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v", err)
	}
}

func TestWarnings(t *testing.T) {
	c := merge(t, "logger_class: Foo\n:logger: x\nwindows_daemon_cmdline: [ruby]\nworkers: 4\ndaemonize: true\n")
	want := []string{
		"a.yml:1: logger_class has no effect: a logger is code: give it as App.Logger",
		"a.yml:2: logger has no effect",
		"a.yml:3: windows_daemon_cmdline has no effect",
		"workers 4 has no effect: worker_type embedded runs one worker",
		"daemonize is true but log is no file",
	}
	got := c.Warnings()
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	if _, ok := c.Get("logger_class"); ok {
		t.Error("an ignored key became one of the user's")
	}
	if ws := Default().Warnings(); len(ws) > 0 {
		t.Errorf("Default warns: %q", ws)
	}
}

// The name of a key means the same when it is written out and read again.
func TestSymbolsAreReadOnce(t *testing.T) {
	for written, want := range map[string]string{
		"name": "name", ":name": "name", `:"name"`: "name", "::name": "::name", `:":name"`: `:":name"`, ":": ":", `:""`: `""`,
	} {
		got := keyText(written)
		if again := keyText(got); got != want || again != got {
			t.Errorf("%s is read as %s and then as %s, want %s", written, got, again, want)
		}
	}
}
