package procbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
)

// parseGrant reads the variable's value. It opens and looks at nothing.
func parseGrant(value string) (*grant, error) {
	var g grant
	if err := json.Unmarshal([]byte(value), &g); err != nil {
		return nil, fmt.Errorf("%s: %w", EnvVar, err)
	}
	if g.V != grantVersion {
		return nil, fmt.Errorf("%s: version %d, this program reads version %d", EnvVar, g.V, grantVersion)
	}
	if err := g.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", EnvVar, err)
	}
	return &g, nil
}

// check refuses what no parent grants: numbers that stand for two descriptors at once, and
// sizes that this process could only die of.
func (g *grant) check() error {
	seen := map[uintptr]string{}
	note := func(n uintptr, name string) error {
		if n < 3 || n > math.MaxInt32 { // below are stdin, stdout and stderr; the kernel would cut a larger number
			return fmt.Errorf("descriptor %d (%s): want 3 to %d", n, name, math.MaxInt32)
		}
		if other, twice := seen[n]; twice {
			return fmt.Errorf("descriptor %d is both %s and %s", n, other, name)
		}
		seen[n] = name
		return nil
	}
	err := errors.Join(note(g.Down, "down"), note(g.Up, "up"))
	for name, n := range g.Files {
		err = errors.Join(err, note(n, fmt.Sprintf("file %q", name)))
	}
	return errors.Join(err, checkSizes(g.Max, g.Queue))
}

// checkSizes is for both ends: a parent must not start a child that would refuse them.
func checkSizes(body, queue int) error {
	if body < 0 || body > math.MaxInt32 {
		return fmt.Errorf("bodies of %d bytes: want 0 to %d", body, math.MaxInt32)
	}
	if queue < 0 || queue > maxUserQueue {
		return fmt.Errorf("a queue of %d frames: want 0 to %d", queue, maxUserQueue)
	}
	return nil
}

// takeFiles takes all descriptors of a grant, or none.
func takeFiles(g *grant) (down, up *os.File, files map[string]*os.File, err error) {
	err = errors.Join(checkPipe(g.Down, "down"), checkPipe(g.Up, "up"))
	for name, n := range g.Files {
		err = errors.Join(err, checkFile(n, name))
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if down, err = takeFile(g.Down, "down"); err != nil {
		return nil, nil, nil, err
	}
	if up, err = takeFile(g.Up, "up"); err != nil {
		return nil, nil, nil, err
	}
	files = make(map[string]*os.File, len(g.Files))
	for name, n := range g.Files {
		if files[name], err = takeFile(n, name); err != nil {
			return nil, nil, nil, err
		}
	}
	return down, up, files, nil
}
