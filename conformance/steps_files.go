//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// makeText looks into the log, into what the program has printed, or into the log that was
// moved away.
func makeText(w words) (action, error) {
	re, err := regexp.Compile("(?m)" + w["text"])
	if err != nil {
		return nil, err
	}
	name := map[string]string{"log": "server.log", "output": "output", "first log": "server.log.moved"}[w["where"]]
	limit, absent := w.limit("within", patience), w["no"] != ""
	return func(p *play) error {
		if absent {
			text, err := readText(p.path(name))
			if found := re.FindString(text); found != "" {
				return fmt.Errorf("it has %q", found)
			}
			return err
		}
		return until(limit, func() (bool, error) {
			text, err := readText(p.path(name))
			return re.MatchString(text), err
		})
	}, nil
}

// readText reads a file that need not exist yet.
func readText(path string) (string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(b), err
}

// makeRotated counts the log files that were rotated away, however they are named.
func makeRotated(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		n := 0
		err := until(patience, func() (bool, error) {
			names, err := filepath.Glob(p.path("server*.log*"))
			n = len(names) - 1
			return n == want, err
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("there are %d", n)
		}
		return err
	}, nil
}

func makeFile(w words) (action, error) {
	re, err := regexp.Compile("(?m)" + w["text"])
	if err != nil {
		return nil, err
	}
	limit := w.limit("within", patience)
	return func(p *play) error {
		path := p.path(w["file"])
		if w["no"] != "" {
			return until(limit, func() (bool, error) {
				_, err := os.Lstat(path)
				return errors.Is(err, fs.ErrNotExist), nil
			})
		}
		text := ""
		err := until(limit, func() (bool, error) {
			b, err := os.ReadFile(path)
			text = string(b)
			top, topErr := p.pidOf("the top")
			wants := re
			if topErr == nil && strings.Contains(w["text"], "PID") {
				wants = regexp.MustCompile("(?m)" + strings.ReplaceAll(w["text"], "PID", fmt.Sprint(top)))
			}
			return err == nil && wants.MatchString(text), nil
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("it has %q", text)
		}
		return err
	}, nil
}

// makeDump looks for the dump file where the original's README promises it.
func makeDump(w words) (action, error) {
	return func(p *play) error {
		pid, err := p.pidOf(w["who"])
		if err != nil {
			return err
		}
		if w["no"] != "" {
			if _, err := os.Lstat(dumpFile(pid)); err == nil {
				return errors.New("there is one")
			}
			return nil
		}
		return until(patience, func() (bool, error) {
			info, err := os.Lstat(dumpFile(pid))
			return err == nil && info.Size() > 0, nil
		})
	}, nil
}

// makeBurst counts the lines of my_burst in the log and in what was rotated away: each
// once, whole.
func makeBurst(w words) (action, error) {
	want := w.number()
	line := regexp.MustCompile(`(?m)^I, \[[^\]]*\]  INFO -- : line \d+ x{60}( .*)?$`)
	return func(p *play) error {
		n := 0
		err := until(patience, func() (bool, error) {
			names, err := filepath.Glob(p.path("server*.log*"))
			n = 0
			for _, name := range names {
				text, err := readText(name)
				if err != nil {
					return false, err
				}
				n += len(line.FindAllString(text, -1))
			}
			return n == want, err
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("there are %d", n)
		}
		return err
	}, nil
}
