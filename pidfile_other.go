//go:build !unix

package serverengine

import (
	"os"
	"strconv"
)

// pidFile is a file with this process's pid.
type pidFile struct{ path string }

func writePidFile(path string) (*pidFile, error) {
	if path == "" {
		return nil, nil
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		return nil, &ConfigError{Key: "pid_path", Value: path, Problem: err.Error(), Hint: "give a path in a directory that this user may write"}
	}
	return &pidFile{path: path}, nil
}

func (p *pidFile) give(int, int) error { return nil }

func (p *pidFile) remove() error {
	if p == nil || p.path == "" {
		return nil
	}
	path := p.path
	p.path = ""
	return os.Remove(path)
}
