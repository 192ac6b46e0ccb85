//go:build unix

package logging

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// openFiles is the number of open descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	must(t, err)
	return len(entries)
}

// background is the context of roles, which have no test.
var background = context.Background()

// roleCommand is this test binary in a role.
func roleCommand(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), roleVar+"="+role, "GOTRACEBACK=single")
	return cmd
}
