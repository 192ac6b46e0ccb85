//go:build linux

package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// makeText looks into the log, into what the program has printed to stdout ("output") or to
// stderr ("errors"), or into the log that was moved away.
func makeText(w words) (action, error) {
	re, err := regexp.Compile("(?m)" + w["text"])
	if err != nil {
		return nil, err
	}
	name := map[string]string{"log": "server.log", "output": "output", "errors": "errors", "first log": "server.log.moved"}[w["where"]]
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

// makeRotated counts the log files that were rotated away, however they are named. The
// number has to stay for a second: more may be under way, and the oldest is removed after a
// new one is there.
func makeRotated(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		count := func() (int, error) {
			names, err := filepath.Glob(p.path("server*.log*"))
			return len(names) - 1, err
		}
		n := 0
		since := time.Now()
		err := until(patience, func() (bool, error) {
			var err error
			if n, err = count(); n != want {
				since = time.Now()
			}
			return time.Since(since) >= time.Second, err
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("there are %d", n)
		}
		return err
	}, nil
}

// compressed waits until several logs were rotated away, and all are compressed.
func (p *play) compressed() error {
	var names []string
	err := until(patience, func() (bool, error) {
		var err error
		names, err = filepath.Glob(p.path("server-*"))
		plain := slices.ContainsFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".gz") })
		return len(names) > 3 && !plain, err
	})
	if errors.Is(err, errNever) {
		return fmt.Errorf("there are %q", names)
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := unzips(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func unzips(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(z)
	if err == nil && !strings.Contains(string(text), "line ") {
		return errors.New("it has no line of the log")
	}
	return err
}

func makeFile(w words) (action, error) {
	re, err := regexp.Compile("(?m)" + w["text"])
	if err != nil {
		return nil, err
	}
	limit := w.limit("within", patience)
	return func(p *play) error {
		path := p.path(w["file"])
		if top, err := p.pidOf("the top"); err == nil {
			path = strings.ReplaceAll(path, "PID", fmt.Sprint(top))
		}
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

// makeBurst reads the lines of my_burst in the log and in what was rotated away: each line
// of each process once, whole.
func makeBurst(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		var lines map[string]int
		err := until(patience, func() (bool, error) {
			var err error
			lines, err = p.burst()
			return len(lines) >= want, err
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("there are %d", len(lines))
		}
		if err != nil {
			return err
		}
		return p.holds(time.Second, func() error {
			lines, err := p.burst()
			for line, n := range lines {
				if n != 1 {
					return fmt.Errorf("%d times: %s", n, line)
				}
			}
			if len(lines) != want {
				return errors.Join(err, fmt.Errorf("now there are %d", len(lines)))
			}
			return err
		})
	}, nil
}

var burstLine = regexp.MustCompile(`(?m)^I, \[\S+ (#\d+)\]  INFO -- : (line \d+) x{60}( .*)?$`)

// burst counts the lines of my_burst, by process and number. A part of one is an error, unless
// it is the end of a file that is being written.
func (p *play) burst() (map[string]int, error) {
	names, err := filepath.Glob(p.path("server*.log*"))
	if err != nil {
		return nil, err
	}
	lines := map[string]int{}
	for _, name := range names {
		text, err := readText(name)
		if err != nil {
			return nil, err
		}
		text = text[:strings.LastIndexByte(text, '\n')+1]
		for line := range strings.Lines(text) {
			if !strings.Contains(line, "xxx") {
				continue
			}
			found := burstLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if found == nil {
				return nil, fmt.Errorf("a torn line: %q", line)
			}
			lines[found[1]+" "+found[2]]++
		}
	}
	return lines, nil
}
