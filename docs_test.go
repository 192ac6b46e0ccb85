package serverengine_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/config"
)

//go:generate go test -run TestConfigurationReference -update-docs .

var updateDocs = flag.Bool("update-docs", false, "rewrite docs/configuration.md")

// TestConfigurationReference holds docs/configuration.md against the table of keys.
func TestConfigurationReference(t *testing.T) {
	const name = "docs/configuration.md"
	var want bytes.Buffer
	if err := config.WriteReference(&want); err != nil {
		t.Fatal(err)
	}
	if *updateDocs {
		if err := os.WriteFile(name, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if read(t, name) != want.String() {
		t.Errorf("%s is not what the keys say: run go generate .", name)
	}
}

// TestReadmePrograms builds and vets every program in README.md, and runs the ones that
// end by themselves.
func TestReadmePrograms(t *testing.T) {
	programs := blocks(read(t, "README.md"), "package main")
	if len(programs) != 2 {
		t.Fatalf("README.md has %d programs, want the quickstart and the one of messages", len(programs))
	}
	dir := t.TempDir()
	var built []string
	for i, text := range programs {
		file := filepath.Join(dir, "program"+string(rune('0'+i)), "main.go")
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(filepath.Dir(file), "program.exe")
		goTool(t, "vet", file)
		goTool(t, "build", "-o", out, file)
		built = append(built, out)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, built[1])
	var said, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("the program of messages: %v\n%s%s", err, &said, &log)
	}
	if want := "worker 1 got hello, <nil>\nserver 1 exited: exit 0\n"; said.String() != want {
		t.Errorf("the program of messages says %q, want %q", &said, want)
	}
}

// TestReadmeFragments compiles the pieces of code that are no whole programs.
func TestReadmeFragments(t *testing.T) {
	for _, text := range blocks(read(t, "README.md"), "cfg := ") {
		file := filepath.Join(t.TempDir(), "main.go")
		program := "package main\n\nimport (\n\t\"os\"\n\n\t\"github.com/serverengine/serverengine-go\"\n)\n\nvar app serverengine.App\n\nfunc main() {\n" + text + "}\n"
		if err := os.WriteFile(file, []byte(program), 0o644); err != nil {
			t.Fatal(err)
		}
		goTool(t, "vet", file)
	}
}

// blocks lists the Go blocks of a Markdown text that begin with something.
func blocks(text, begin string) []string {
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(m[1], begin) {
			found = append(found, m[1])
		}
	}
	return found
}

func goTool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestLinks: every relative link in the documents leads to a file, every decision record is
// in the list of README.md, and every key that a document names exists.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), filepath.FromSlash(m[1]))); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
	readme := read(t, "README.md")
	records, err := filepath.Glob("docs/adr/*.md")
	if err != nil || len(records) == 0 {
		t.Fatal(records, err)
	}
	for _, r := range records {
		if !strings.Contains(readme, "("+filepath.ToSlash(r)+")") {
			t.Errorf("README.md does not list %s", r)
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// TestEveryKeyHasARow: docs/from-ruby.md has a row for each key of the original.
func TestEveryKeyHasARow(t *testing.T) {
	text := read(t, "docs/from-ruby.md")
	for _, key := range []string{
		"daemonize", "pid_path", "supervisor", "disable_sigdump", "daemon_process_name", "chuser", "chgroup", "chumask",
		"daemonize_error_exit_code", "server_process_name", "restart_server_process", "enable_detach", "exit_on_detach",
		"disable_reload", "server_restart_wait", "server_detach_wait", "workers", "start_worker_delay",
		"start_worker_delay_rand", "restart_worker_interval", "worker_process_name", "worker_heartbeat_interval",
		"worker_heartbeat_timeout", "worker_graceful_kill_interval", "worker_graceful_kill_interval_increment",
		"worker_graceful_kill_timeout", "worker_immediate_kill_interval", "worker_immediate_kill_interval_increment",
		"worker_immediate_kill_timeout", "unrecoverable_exit_codes", "stop_immediately_at_unrecoverable_exit",
		"worker_reload_signal", "log", "log_level", "log_rotate_age", "log_rotate_size", "log_stdout", "log_stderr",
		"logger_class", "command_sender", "worker_type",
	} {
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/from-ruby.md does not name %s", key)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
