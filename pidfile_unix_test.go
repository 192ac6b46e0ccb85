//go:build unix

package serverengine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a locked file holds reaches a terminal and the log in quotes, unless it is a number.
func TestForeignPidFileIsQuoted(t *testing.T) {
	for content, want := range map[string]string{
		"1\n":                              "pid 1",
		"":                                 `pid ""`,
		"\x1b[2Jnobody\n":                  `pid "\x1b[2Jnobody"`,
		"two\nlines\xff":                   `pid "two\nlines\xff"`,
		"12345678901234567890123456789012": `pid "12345678901234567890123456789012"`,
	} {
		path := filepath.Join(t.TempDir(), "pid")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		_, err = lockExisting(path)
		if err == nil || !strings.Contains(err.Error(), "is held by a process that runs, "+want+"; ") {
			t.Errorf("%q: %v", content, err)
		}
		if isNumber := content == "1\n"; errors.As(err, new(*takeoverError)) == isNumber {
			t.Errorf("%q: %T", content, err)
		}
	}
}
