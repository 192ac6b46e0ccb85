package config

import (
	"bytes"
	"encoding/json"
	"strings"
)

// takeOwn takes from the front of an object what Encode of the same program puts there,
// our keys in their order, and returns the object without them: usually an empty one. It
// is the short way for every child's start; where it meets anything else it stops, and the
// rest is read as any JSON. c is the Default.
func takeOwn(c *Config, b []byte) []byte {
	if len(b) == 0 || b[0] != '{' {
		return b
	}
	at := 1
	var scratch [256]byte
	for i := range fields {
		n := fields[i].takeOwn(c, b[at:], scratch[:0])
		if n == 0 {
			break
		}
		at += n
		if bytes.HasPrefix(b[at:], []byte(`,"`)) {
			at++
		}
	}
	if at == 1 {
		return b
	}
	return append([]byte{'{'}, b[at:]...)
}

// takeOwn sets the field to the value at the front of b, `"key":value`, and returns how
// long that is; 0 = it is not the field's, or not simple. A value that is the default, as
// nearly all are, is not even read.
func (f *field) takeOwn(c *Config, b, scratch []byte) int {
	if len(b) < len(f.key)+3 || b[0] != '"' || string(b[1:len(f.key)+1]) != f.key || string(b[len(f.key)+1:len(f.key)+3]) != `":` {
		return 0
	}
	key := len(f.key) + 3
	value := b[key:]
	if def := f.appendWire(scratch, c); bytes.HasPrefix(value, def) && ends(value[len(def):]) {
		return key + len(def)
	}
	v, n := simple(value)
	if n == 0 || !ends(value[n:]) || f.receive(c, v) != nil {
		return 0
	}
	return key + n
}

// ends reports whether a value may end in front of b.
func ends(b []byte) bool {
	return bytes.HasPrefix(b, []byte(`,"`)) || len(b) > 0 && b[0] == '}'
}

// simple reads a JSON value without nesting, escapes and fractions, and returns how long
// it is; 0 = it is another.
func simple(b []byte) (any, int) {
	if len(b) == 0 {
		return nil, 0
	}
	if b[0] == '"' {
		for i, ch := range b[1:] {
			switch {
			case ch == '"':
				return string(b[1 : i+1]), i + 2
			case ch < ' ' || ch == '\\' || ch > '~':
				return nil, 0
			}
		}
		return nil, 0
	}
	n := bytes.IndexAny(b, ",}")
	if n <= 0 {
		return nil, 0
	}
	switch word := string(b[:n]); {
	case word == "true" || word == "false":
		return word == "true", n
	case strings.Trim(word, "0123456789") == "" && (word[0] != '0' || n == 1):
		return plain(json.Number(word)), n
	}
	return nil, 0
}
