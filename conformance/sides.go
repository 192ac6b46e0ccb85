//go:build linux

package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed original.rb
var originalProgram []byte

// prepare makes the scratch directory, with a copy of this program that everybody may run:
// plays that change their user start it again.
func prepare() (scratch string, ours side, err error) {
	if scratch, err = os.MkdirTemp("", "conformance"); err != nil {
		return "", side{}, err
	}
	path := filepath.Join(scratch, "subject")
	if err := errors.Join(os.Chmod(scratch, 0o755), copyProgram(path)); err != nil {
		return scratch, side{}, err
	}
	return scratch, side{name: "ours", command: []string{path, "subject"}, self: path}, nil
}

func copyProgram(path string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	from, err := os.Open(self)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// findOriginal looks for Ruby's ServerEngine, and installs it where it may.
func findOriginal(scratch, self string) (side, error) {
	version, err := originalVersion()
	if err != nil {
		if err := install(); err != nil {
			return side{}, err
		}
		if version, err = originalVersion(); err != nil {
			return side{}, err
		}
	}
	program := filepath.Join(scratch, "original.rb")
	if err := os.WriteFile(program, originalProgram, 0o644); err != nil {
		return side{}, err
	}
	return side{name: "original", version: version, command: []string{"ruby", program}, self: self}, nil
}

func originalVersion() (string, error) {
	out, err := exec.Command("ruby", "-e", `require "serverengine"; print ServerEngine::VERSION`).Output()
	if err != nil {
		return "", fmt.Errorf("ask for ServerEngine's version: %w", err)
	}
	return string(bytes.TrimSpace(out)), nil
}

// install needs root, and Debian or one of its family.
func install() error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Getuid() != 0 {
		return errors.New("install ruby-serverengine, or the gem serverengine")
	}
	fmt.Fprintln(os.Stderr, "installing ruby-serverengine")
	for _, args := range [][]string{{"update", "-qq"}, {"install", "-qq", "-y", "--no-install-recommends", "ruby-serverengine"}} {
		cmd := exec.Command(apt, args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// older reports whether version a is before b.
func older(a, b string) bool {
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(left), len(right)) {
		x, _ := strconv.Atoi(left[i]) // what is no number counts as 0
		y, _ := strconv.Atoi(right[i])
		if x != y {
			return x < y
		}
	}
	return len(left) < len(right)
}
