package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	base := Default()
	base.Workers, base.MaxSurge, base.PidPath = 2, 2, "code.pid"
	path := file(t, "workers: 3\nmax_surge: 3\n")
	t.Setenv("SERVERENGINE_CONFIG_WORKERS", "4")
	t.Setenv("SERVERENGINE_CONFIG_LOG", "") // names nothing
	c, err := Load(FromFile(path, base))
	if err != nil {
		t.Fatal(err)
	}
	if c.Workers != 4 || c.MaxSurge != 3 || c.PidPath != "code.pid" || c.Log != "" || c.OrphanTimeout != 30*sec {
		t.Errorf("%d %d %s %q", c.Workers, c.MaxSurge, c.PidPath, c.Log)
	}
}

func TestConfigIsItsOwnSource(t *testing.T) {
	c := Default()
	c.Workers, c.WorkerDrainTimeout, c.LogLevel, c.SignalDump = 5, -7*sec, "WARN", "SIGWINCH"
	got, err := Load(c)
	if err != nil {
		t.Fatal(err)
	}
	if got.Workers != 5 || got.WorkerDrainTimeout != Never || got.LogLevel != "warn" || got.SignalDump != "WINCH" {
		t.Errorf("not in its one form: %v %s %s", got.WorkerDrainTimeout, got.LogLevel, got.SignalDump)
	}
}

func TestFileIsReadAnewAtEachLoad(t *testing.T) {
	path := file(t, "workers: 2\nmessage: a\n")
	src := FromFile(path, Default())
	if c, err := Load(src); err != nil || c.Workers != 2 {
		t.Fatal(c.Workers, err)
	}
	if err := os.WriteFile(path, []byte("max_surge: 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(src)
	if _, ok := c.Get("message"); err != nil || c.Workers != 1 || ok {
		t.Error("a key that left the file is still there")
	}
}

func TestLoaderOfOnesOwn(t *testing.T) {
	path := file(t, "workers: 2\ndaemonize: false\n")
	c, err := Load(SourceFunc(func() (Config, error) {
		c := Default()
		err := c.Merge(path)
		c.Daemonize, c.Log = true, "x.log"
		return c, err
	}))
	if err != nil || c.Workers != 2 || !c.Daemonize {
		t.Error(c.Workers, c.Daemonize, err)
	}
}

func TestLoaderThatFails(t *testing.T) {
	own := errors.New("no route to the vault")
	_, err := Load(SourceFunc(func() (Config, error) { return Default(), own }))
	if !errors.Is(err, own) || !strings.Contains(err.Error(), own.Error()) {
		t.Errorf("%v", err)
	}
	t.Setenv("SERVERENGINE_CONFIG_WORKERS", "many")
	_, err = Load(SourceFunc(func() (Config, error) { return Default(), own }))
	if e, ok := errors.AsType[*ConfigError](err); !ok || e.Key != "workers" || !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	if _, err := Load(FromFile(filepath.Join(t.TempDir(), "none"), Default())); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := Load(nil); err == nil || !strings.Contains(err.Error(), startHint) {
		t.Errorf("%v", err)
	}
	var none SourceFunc
	if _, err := Load(none); err == nil {
		t.Error("a nil loader loads")
	}
}

func TestLoaderThatPanics(t *testing.T) {
	_, err := Load(SourceFunc(func() (Config, error) { panic(fs.ErrClosed) }))
	p, ok := errors.AsType[*PanicError](err)
	if !ok || p.Value != fs.ErrClosed || !strings.Contains(string(p.Stack), "TestLoaderThatPanics") || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(err.Error(), "the configuration loader panicked: ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q", err)
	}
	_, err = Load(SourceFunc(func() (Config, error) { panic("boom") }))
	if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != "boom" || p.Unwrap() != nil {
		t.Errorf("%v", err)
	}
}

// TestEverySourceOfProblems: file syntax, file ranges and the environment come
// in one error.
func TestEverySourceOfProblems(t *testing.T) {
	t.Setenv("SERVERENGINE_CONFIG_MAX_SURGE", "lots")
	t.Setenv("SERVERENGINE_CONFIG_WORKRES", "3")
	_, err := Load(FromFile(file(t, "workers: many\nworker_type: proces\n"), Default()))
	es, _ := errors.AsType[ConfigErrors](err)
	var keys []string
	for _, e := range es {
		keys = append(keys, e.Key)
	}
	if got := strings.Join(keys, " "); got != "workers worker_type max_surge workres" {
		t.Errorf("%s: %v", got, err)
	}
	if !strings.Contains(err.Error(), "environment SERVERENGINE_CONFIG_MAX_SURGE: max_surge lots: is not a whole number") {
		t.Errorf("%v", err)
	}
}

func TestEnvironment(t *testing.T) {
	c := Default()
	errs := applyEnv(&c, []string{
		"SIGDUMP_SIGNAL=SIGWINCH", "SERVERENGINE_USE_SOCKET_REUSEPORT=1", "PATH=/bin", "SERVERENGINE_CONFIG_=x", "nonsense",
		"SERVERENGINE_CONFIG_UNRECOVERABLE_EXIT_CODES=3,4", "SERVERENGINE_CONFIG_MESSAGE=hello", "SERVERENGINE_CONFIG_APP={port: 80}",
		"SERVERENGINE_CONFIG_BROKEN=[1", "SERVERENGINE_CONFIG_LOGGER_CLASS=Foo",
	})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var app struct{ Port int }
	err := c.DecodeKey("app", &app)
	message, _ := c.Get("message")
	broken, _ := c.Get("broken")
	if c.SignalDump != "WINCH" || !c.SocketReuseport || len(c.UnrecoverableExitCodes) != 2 || message != "hello" || app.Port != 80 || broken != "[1" || err != nil {
		t.Errorf("%s %v %v %v %v %v", c.SignalDump, c.SocketReuseport, message, app, broken, err)
	}
	if ws := c.Warnings(); len(ws) != 1 || !strings.HasPrefix(ws[0], "SERVERENGINE_CONFIG_LOGGER_CLASS has no effect") {
		t.Errorf("%q", ws)
	}
	errs = applyEnv(&c, []string{"SERVERENGINE_CONFIG_SIGNAL_DUMP=ALRM", "SIGDUMP_SIGNAL=WINCH"})
	if c.SignalDump != "ALRM" || len(errs) > 0 {
		t.Errorf("%s %v: our own variable does not win", c.SignalDump, errs)
	}
}

func TestWrongValueOfTheEnvironmentIsNamed(t *testing.T) {
	t.Setenv("SIGDUMP_SIGNAL", "TERM")
	_, err := Load(Default())
	if err == nil || err.Error() != "environment SIGDUMP_SIGNAL: signal_dump TERM: is the signal of signal_graceful_stop too; give each meaning a signal of its own" {
		t.Errorf("%v", err)
	}
}
