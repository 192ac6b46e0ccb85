package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const startHint = "start from serverengine.Default()"

// Validate returns every problem of c as ConfigErrors, or nil. Values that can
// be written in several ways are accepted in each; Load returns the one form.
func (c Config) Validate() error { return c.problems(nil).orNil() }

// problems returns what is wrong with c, except for the keys that known has a
// problem of already.
func (c Config) problems(known ConfigErrors) ConfigErrors {
	if !c.born {
		return ConfigErrors{{Problem: "this Config was not made by Default, so its zero values mean nothing", Hint: startHint}}
	}
	c.normalize()
	v := validation{c: &c, known: known}
	for i := range fields {
		v.field(&fields[i])
	}
	v.signals()
	v.ladders()
	v.restarts()
	v.log()
	if c.notes != nil {
		v.found = append(v.found, c.notes.problems...)
	}
	return v.found
}

// validation collects the problems of one Config.
type validation struct {
	c     *Config
	known ConfigErrors
	found ConfigErrors
}

// add records a problem of key, unless it has one already, with the place the
// value came from.
func (v *validation) add(key, problem, hint string) {
	if v.known.names(key) || v.found.names(key) {
		return
	}
	value := byKey()[key].text(v.c)
	e := &ConfigError{Key: key, Value: shown(value), Problem: problem, Hint: hint}
	if v.c.notes != nil {
		if p, ok := v.c.notes.places[key]; ok && p.value == value {
			e.File, e.Line = p.file, p.line
		}
	}
	v.found = append(v.found, e)
}

// field checks one value by the rules of its tags.
func (v *validation) field(f *field) {
	p := f.at(v.c)
	if names := choices(p); names != nil {
		s, _ := enumText(p)
		v.oneOf(f, *s, names)
		return
	}
	switch p := p.(type) {
	case *int:
		v.within(f, int64(*p))
	case *int64:
		v.within(f, *p)
	case *[]int:
		for _, n := range *p {
			v.within(f, int64(n))
		}
	case *float64:
		if !(*p >= float64(f.min) && *p <= float64(f.max)) { // so that NaN is refused
			v.add(f.key, "is out of range", f.hint())
		}
	case *time.Duration:
		if *p < time.Duration(f.min) && (!f.never || *p >= 0) {
			v.add(f.key, "is too short", f.hint())
		}
	case *Umask:
		if *p < NoUmask || *p > 0o777 {
			v.add(f.key, "is no file mode mask", f.hint())
		}
	case *string:
		v.text(f, *p)
	case *[]string:
		v.addresses(f, *p)
	}
}

func (v *validation) within(f *field, n int64) {
	if n < f.min || f.max > 0 && n > f.max {
		v.add(f.key, "is out of range", f.hint())
	}
}

// oneOf refuses a name that is not listed and points at the nearest.
func (v *validation) oneOf(f *field, s string, names []string) {
	if slices.Contains(names, s) {
		return
	}
	hint := f.hint()
	for _, n := range names {
		if s != "" && distance(s, n, 3) < 3 {
			hint = "did you mean " + n + "? " + hint
			break
		}
	}
	v.add(f.key, "is unknown", hint)
}

func (v *validation) text(f *field, s string) {
	switch f.form {
	case "level":
		v.oneOf(f, s, levels[:])
	case "signal", "any_signal":
		if problem := signalProblem(f.form, s); problem != "" {
			v.add(f.key, problem, f.hint())
		}
	default:
		if strings.ContainsRune(s, 0) {
			v.add(f.key, "contains a zero byte", f.hint())
		}
	}
}

// addresses checks the syntax of each and that none is given twice.
func (v *validation) addresses(f *field, list []string) {
	seen := map[string]bool{}
	for _, a := range list {
		if problem := addressProblem(a); problem != "" {
			v.add(f.key, "has an address "+shown(a)+" that "+problem, f.hint())
		}
		plain := strings.TrimPrefix(a, "tcp://")
		if seen[plain] {
			v.add(f.key, "has the address "+shown(a)+" twice", "give each once: all workers share it")
		}
		seen[plain] = true
	}
}

// SplitAddress takes an address of the listen key apart: "unix:///run/a.sock" is unix and
// /run/a.sock, "0.0.0.0:80" is tcp and 0.0.0.0:80. The error says what is wrong with it.
func SplitAddress(a string) (network, address string, err error) {
	if problem := addressProblem(a); problem != "" {
		return "", "", fmt.Errorf("the address %s %s", shown(a), problem)
	}
	network, address, found := strings.Cut(a, "://")
	if !found {
		return "tcp", a, nil
	}
	return network, address, nil
}

// addressProblem says what is wrong with an address of listen, or "". Names of
// hosts and services are left to the resolver.
func addressProblem(a string) string {
	network, rest, found := strings.Cut(a, "://")
	if !found {
		network, rest = "tcp", a
	}
	if !utf8.ValidString(a) || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' }) {
		return "contains blanks or control characters"
	}
	switch network {
	case "unix", "unixgram", "unixpacket":
		if rest == "" {
			return "names no path"
		}
		return ""
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
	default:
		return "is of an unknown network"
	}
	colon := strings.LastIndexByte(rest, ':')
	if colon < 0 {
		return "has no port"
	}
	host, port := rest[:colon], rest[colon+1:]
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if strings.Contains(host, ":") && !bracketed {
		return "needs brackets around its IPv6 host"
	}
	if bracketed {
		host = host[1 : len(host)-1]
	}
	if strings.ContainsAny(host+port, "[]") {
		return "has a bracket that belongs to no IPv6 host"
	}
	if n, err := strconv.Atoi(port); port == "" || err == nil && (n < 0 || n > 65535) {
		return "has no port from 0 to 65535"
	}
	return ""
}
