package config

import (
	"errors"
	"os"
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

// Load implements Source. What could be read of a bad file is judged as well,
// so that all its problems come at once.
func (s fileSource) Load() (Config, error) {
	c, errs := mergedFile(s.base, s.path)
	if len(errs) > 0 {
		return Config{}, append(errs, c.problems(errs)...)
	}
	return c, nil
}

// Load loads a configuration from src, lets the environment override it and
// validates the result. Problems of keys and files come all at once, as
// ConfigErrors. Another error of src is returned as it is, a panic of it as a
// *PanicError; both joined with the environment's problems if it has any.
func Load(src Source) (Config, error) {
	c, err := guarded(src)
	if err != nil {
		scratch := Default()
		return Config{}, together(err, applyEnv(&scratch, os.Environ()))
	}
	errs := applyEnv(&c, os.Environ())
	c.normalize()
	errs = append(errs, c.problems(errs)...)
	if len(errs) > 0 {
		return Config{}, errs
	}
	return c, nil
}

// together adds the environment's problems to an error of a source.
func together(err error, env ConfigErrors) error {
	if es, ok := err.(ConfigErrors); ok {
		return append(es, env...)
	}
	if len(env) == 0 {
		return err
	}
	return errors.Join(err, env)
}

// guarded calls the source and turns a panic of it into a *PanicError.
func guarded(src Source) (c Config, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = Config{}, &PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	if src == nil {
		return Config{}, ConfigErrors{{Problem: "there is no configuration source", Hint: startHint}}
	}
	return src.Load()
}
