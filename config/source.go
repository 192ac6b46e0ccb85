package config

import (
	"fmt"
	"runtime/debug"
)

// Source is where a configuration comes from. Load is called at the start and
// again at each reload, in the top process only, by one goroutine at a time.
type Source interface {
	Load() (Config, error)
}

// Load returns c itself: a Config is its own source, which a reload does not
// change.
func (c Config) Load() (Config, error) { return c, nil }

// SourceFunc is a loader of one's own. It starts from Default and may call
// Merge; it runs again at each reload.
type SourceFunc func() (Config, error)

// Load calls f.
func (f SourceFunc) Load() (Config, error) { return f() }

// FromFile returns a source that merges the YAML file at path over base, anew
// at each reload.
func FromFile(path string, base Config) Source { return fileSource{path, base} }

type fileSource struct {
	path string
	base Config
}

// Load implements Source.
func (s fileSource) Load() (Config, error) {
	c := s.base
	if err := c.Merge(s.path); err != nil {
		return Config{}, err
	}
	return c, nil
}

// guarded calls the source and turns a panic of it into a *PanicError.
func guarded(src Source) (c Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = Config{}, &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	if src == nil {
		return Config{}, fmt.Errorf("no configuration source; %s", startHint)
	}
	return src.Load()
}
