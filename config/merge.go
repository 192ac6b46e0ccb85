package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxFile bounds what is read of a configuration file: a wrong path (a log, a
// device) becomes an error, not an exhausted memory.
const maxFile = 16 << 20

// Merge sets the keys that the YAML file at path names and leaves the others.
// It is all or nothing: on an error, ConfigErrors with every problem of the
// file, c is as it was. Ranges and names are judged by Load or Validate.
func (c *Config) Merge(path string) error {
	m, errs := mergedFile(*c, path)
	if len(errs) > 0 {
		return errs
	}
	*c = m
	return nil
}

// MergeBytes is Merge for a document in memory; name stands for its file in
// messages.
func (c *Config) MergeBytes(name string, b []byte) error {
	m, errs := merged(*c, name, b)
	if len(errs) > 0 {
		return errs
	}
	*c = m
	return nil
}

func mergedFile(c Config, path string) (Config, ConfigErrors) {
	b, err := readFile(path)
	if err != nil {
		return c, ConfigErrors{{File: path, Problem: "can't be read: " + plainCause(err), Hint: "check the path and its permissions", cause: err}}
	}
	return merged(c, path, b)
}

// plainCause drops the path that an error of the standard library repeats.
func plainCause(err error) string {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func readFile(path string) (b []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return b, err
}

// merged returns c with the document's keys, as far as they could be read, and
// every problem of the document.
func merged(c Config, name string, b []byte) (Config, ConfigErrors) {
	root, err := parse(b)
	if err != nil {
		err.File = name
		return c, ConfigErrors{err}
	}
	if root == nil { // nothing but comments
		return c, nil
	}
	m := merging{c: &c, notes: c.edit(), def: Default(), tree: &tree{left: maxNodes}}
	for _, p := range m.tree.pairs(root) {
		m.pair(p)
	}
	m.errs = append(m.tree.errs, m.errs...)
	for _, e := range m.errs {
		e.File = name
	}
	for key, p := range m.notes.places {
		if p.file == "" {
			p.file = name
			m.notes.places[key] = p
		}
	}
	for i, w := range m.ignored {
		m.notes.ignored = append(m.notes.ignored, fmt.Sprintf("%s:%d: %s", name, m.lines[i], w))
	}
	return c, m.errs
}

// merging is one document on its way into c.
type merging struct {
	c       *Config
	notes   *notes
	def     Config // null gives a key its default, as in Ruby
	tree    *tree
	errs    ConfigErrors
	ignored []string
	lines   []int // of ignored
}

// pair takes one key of the document.
func (m *merging) pair(p pair) {
	f := byKey()[p.key]
	if f == nil {
		m.foreign(p)
		return
	}
	g, null, err := m.tree.given(p.val)
	switch {
	case err != nil:
		err.Key = p.key
	case null:
		err = f.set(m.c, f.given(&m.def))
	default:
		err = f.set(m.c, g)
	}
	if err != nil {
		err.Line = p.line
		m.errs = append(m.errs, err)
		return
	}
	f.normalize(m.c)
	m.notes.places[p.key] = place{line: p.line, value: f.text(m.c)}
}

// foreign takes a key that is none of ours: without meaning here, mistyped, or
// the user's.
func (m *merging) foreign(p pair) {
	if cure, ok := ignoredKey(p.key); ok {
		m.ignored = append(m.ignored, p.key+" has no effect: "+cure)
		m.lines = append(m.lines, p.line)
		return
	}
	if near := nearest(p.key); near != "" {
		err := mistyped(p.key, near)
		err.Line = p.line
		m.errs = append(m.errs, err)
		return
	}
	v, err := m.tree.value(p.val, 0)
	if err != nil {
		err.Key, err.Line = p.key, max(err.Line, p.line)
		m.errs = append(m.errs, err)
		return
	}
	m.notes.user[p.key] = v
}

// mistyped is the problem of a key that is nearly one of ours.
func mistyped(key, near string) *ConfigError {
	return &ConfigError{Key: key, Problem: "is no key of ours",
		Hint: "did you mean " + near + "? A key of your own needs a name less like it"}
}

// parse reads the one document of b; nil without an error is an empty one.
func parse(b []byte) (root *yaml.Node, problem *ConfigError) {
	defer func() { // a parser's bug must not end a running service at a reload
		if r := recover(); r != nil {
			root, problem = nil, &ConfigError{Line: 1, Problem: fmt.Sprintf("is no YAML: %v", r), Hint: "check the syntax"}
		}
	}()
	loader, err := yaml.NewLoader(strings.NewReader(string(b)))
	if err != nil {
		return nil, syntaxError(b, err)
	}
	var doc, next yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(b, err)
	}
	if err := loader.Load(&next); err == nil {
		return nil, &ConfigError{Line: max(next.Line, 1), Problem: "a second document begins here", Hint: "keep one document in the file"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(b, err)
	}
	return mapping(&doc)
}

// mapping returns the document's mapping; nil for an empty or null document.
func mapping(doc *yaml.Node) (*yaml.Node, *ConfigError) {
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	n := doc.Content[0]
	switch {
	case n.Kind == yaml.MappingNode:
		return n, nil
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return nil, nil
	}
	return nil, &ConfigError{Line: max(n.Line, 1), Problem: "the file is no mapping", Hint: "write one key: value per line"}
}

// syntaxError turns an error of the YAML library into one of ours with a line.
func syntaxError(b []byte, err error) *ConfigError {
	e := &ConfigError{Problem: "is no YAML: " + err.Error(), Hint: "check the syntax", cause: err}
	if le, ok := errors.AsType[*yaml.LoadError](err); ok {
		e.Line = le.Mark.Line
		e.Problem = "is no YAML: " + le.Message
	}
	if e.Line <= 0 {
		e.Line = badLine(b)
	}
	return e
}

// badLine finds the line of the first byte that no YAML text contains. The
// library knows no position for those.
func badLine(b []byte) int {
	line := 1
	for _, r := range string(b) {
		switch {
		case r == '\n':
			line++
		case r == '\uFFFD', r < ' ' && r != '\t' && r != '\r', r == 0x7f:
			return line
		}
	}
	return line
}
