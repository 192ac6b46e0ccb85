package config

import (
	"fmt"
	"strconv"
	"strings"
)

// ConfigError is one problem of a configuration: which key, what stands there,
// what is wrong with it and what to do.
type ConfigError struct {
	Key     string // key as the user wrote it; empty if the problem is of no single key
	Value   string // the refused value as text
	Problem string // what is wrong, without a full stop
	Hint    string // what is allowed, or the cure
	File    string // file, or "environment" and the variable, it comes from; empty for code
	Line    int    // line in File, from 1; 0 if there is none

	cause error // of the standard library, for errors.Is
}

// Error returns the problem on one line: file:line: key: value: problem; hint.
func (e *ConfigError) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Value != "" {
			b.WriteString(" " + e.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the error of the standard library behind e, if any.
func (e *ConfigError) Unwrap() error { return e.cause }

// ConfigErrors is every problem found, at least one. errors.As finds the
// first as a *ConfigError, and all of them as ConfigErrors.
type ConfigErrors []*ConfigError

// Error returns one problem per line.
func (es ConfigErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the problems one by one.
func (es ConfigErrors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// orNil keeps an empty list from becoming a non-nil error.
func (es ConfigErrors) orNil() error {
	if len(es) == 0 {
		return nil
	}
	return es
}

// names reports whether one of the problems is about key.
func (es ConfigErrors) names(key string) bool {
	for _, e := range es {
		if e.Key == key {
			return true
		}
	}
	return false
}

// PanicError is a panic in the user's loader, recovered by Load.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // of the goroutine that panicked
}

// Error names the panic without its stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("the configuration loader panicked: %v", e.Value)
}

// Unwrap returns the panic's value if it was an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// shown shortens a value for a message: one line, at most 80 characters, and
// quoted where it would not stand on its own.
func shown(s string) string {
	const most = 80
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r == '"' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
