//go:build unix

package logging

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() {
	roles["nopermission"] = roleNoPermission
}

// nobody is a user without rights, where the tests run as root.
const nobody = 65534

// unprivileged is a role as a user without rights, which owns path.
func unprivileged(t *testing.T, path, role string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := roleCommand(role, args...)
	if os.Getuid() != 0 {
		return cmd
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("needs /proc: the test binary is in a directory of root's")
	}
	must(t, os.Chown(path, nobody, nobody))
	cmd.Path = "/proc/self/exe"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// roleNoPermission logs into a file whose directory it may not change.
func roleNoPermission(args []string) int {
	path := args[0]
	w, err := open(Options{Path: path, RotateAge: 3, RotateSize: 1000}, quick())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	for n := range 50 {
		if _, err := io.WriteString(w, numbered("w", n)); err != nil {
			return 3
		}
		if err := w.Flush(background); err != nil {
			return 4
		}
	}
	if err := w.Reconfigure(Options{Path: path + ".other"}); err == nil {
		return 5
	}
	if w.Close() != nil || w.Lost() > 0 {
		return 6
	}
	return 0
}

// A rotation that is not permitted never stops logging, and is reported once.
func TestRotationNotPermitted(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	path := filepath.Join(dir, "app.log")
	must(t, os.WriteFile(path, nil, 0o644))
	if os.Getuid() != 0 {
		must(t, os.Chmod(dir, 0o555))
		defer func() { must(t, os.Chmod(dir, 0o755)) }()
	}
	cmd := unprivileged(t, path, "nopermission", path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	others := checkNumbered(t, read(t, path), map[string]int{"w": 50})
	if len(others) != 1 || !strings.Contains(others[0], "cannot rotate the log") {
		t.Errorf("other lines: %q", others)
	}
	if got := stderr.String(); strings.Count(got, "cannot rotate the log") != 1 {
		t.Errorf("stderr: %q", got)
	}
}

// A file system that is really full.
func TestFullFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := mountTiny(dir); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	defer func() { must(t, unmount(dir)) }()
	path, ballast := filepath.Join(dir, "app.log"), filepath.Join(dir, "ballast")
	w := openTest(t, Options{Path: path, RotateAge: 2, RotateSize: 1 << 20}, quick())
	stderr := stderrOf(t, w)
	must(t, os.WriteFile(ballast, make([]byte, 32<<10), 0o644))
	for n := 0; w.Lost() == 0; n++ {
		_, err := io.WriteString(w, numbered("w", n))
		must(t, err)
		_ = w.Flush(t.Context()) // fails in the end, as it should
	}
	if got := stderr(); strings.Count(got, "no space left") != 1 {
		t.Errorf("stderr: %q", got)
	}
	must(t, os.Remove(ballast))
	eventually(t, "the file is used again", func() bool { return w.Flush(t.Context()) == nil })
	must(t, w.Close())
	text := read(t, path)
	n := strings.Count(text, "w 0")
	if others := checkNumbered(t, text, map[string]int{"w": n}); len(others) != 1 || n < 100 {
		t.Errorf("%d lines; others %q", n, others)
	}
}
