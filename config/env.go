package config

import (
	"slices"
	"strings"
)

// EnvPrefix begins the variables that override a key: SERVERENGINE_CONFIG_WORKERS
// sets workers. They are for the top process alone, which hands its configuration
// down, and are to be taken out of a child's environment.
const EnvPrefix = "SERVERENGINE_CONFIG_"

// applyEnv sets the keys that the environment names; an empty variable names
// none. Lists are divided by commas; values of the user are read as YAML.
func applyEnv(c *Config, environ []string) ConfigErrors {
	var errs ConfigErrors
	environ = slices.Clone(environ)
	slices.SortFunc(environ, compareEnv)
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		key := envKey(name)
		if key == "" || value == "" {
			continue
		}
		if err := c.override(key, name, value); err != nil {
			err.File = "environment " + name
			errs = append(errs, err)
		}
	}
	return errs
}

// compareEnv sorts our own variables behind the original's, so that they win.
func compareEnv(a, b string) int {
	ours := func(s string) int {
		if strings.HasPrefix(s, EnvPrefix) {
			return 1
		}
		return 0
	}
	if d := ours(a) - ours(b); d != 0 {
		return d
	}
	return strings.Compare(a, b)
}

// envKey returns the key that a variable sets, or "".
func envKey(name string) string {
	switch name {
	case "SIGDUMP_SIGNAL":
		return "signal_dump"
	case "SERVERENGINE_USE_SOCKET_REUSEPORT":
		return "socket_reuseport"
	}
	key, ok := strings.CutPrefix(name, EnvPrefix)
	if !ok {
		return ""
	}
	return keyText(strings.ToLower(key)) // as in a file
}

func (c *Config) override(key, name, value string) *ConfigError {
	n := c.edit()
	if f := byKey()[key]; f != nil {
		if err := f.set(c, given{text: value}); err != nil {
			return err
		}
		f.normalize(c)
		n.places[key] = place{file: "environment " + name, value: f.text(c)}
		return nil
	}
	if cure, ok := ignoredKey(key); ok {
		n.ignored = append(n.ignored, name+" has no effect: "+cure)
		return nil
	}
	if near := nearest(key); near != "" {
		return mistyped(key, near)
	}
	v, err := yamlValue(value)
	if err != nil {
		err.Key = key
		return err
	}
	n.user[key] = v
	return nil
}
