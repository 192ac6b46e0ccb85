package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Encode returns c as one JSON object, for the way to another process: every
// key of ours with the text or number a file would have, then the user's keys.
// Values that JSON has no form for are objects of one key that begins with !!.
// Where a value came from and warnings are not part of it.
func Encode(c Config) ([]byte, error) {
	if !c.born {
		return nil, c.Validate()
	}
	b := make([]byte, 0, 8<<10)
	b = append(b, '{')
	for i := range fields {
		f := &fields[i]
		b = append(b, '"')
		b = append(b, f.key...)
		b = append(b, '"', ':')
		b = f.appendWire(b, &c)
		b = append(b, ',')
	}
	if c.notes != nil {
		for _, key := range slices.Sorted(maps.Keys(c.notes.user)) {
			b = append(appendString(b, key), ':')
			b = append(appendValue(b, c.notes.user[key]), ',')
		}
	}
	b[len(b)-1] = '}'
	return b, nil
}

// appendWire appends the field's value: exact, also where it is not valid.
func (f *field) appendWire(b []byte, c *Config) []byte {
	switch p := f.at(c).(type) {
	case *bool:
		return strconv.AppendBool(b, *p)
	case *int:
		return strconv.AppendInt(b, int64(*p), 10)
	case *int64:
		return strconv.AppendInt(b, *p, 10)
	}
	g := f.given(c)
	if !g.isList {
		return appendText(b, g.text)
	}
	b = append(b, '[')
	for i, item := range g.list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, item)
	}
	return append(b, ']')
}

// Decode reads what Encode wrote. It starts from this program's own Default, so
// a key that the writer did not know keeps its default here; one that this
// program does not know is kept as a key of the user. A key of the user in the
// writer that is one of ours here is read as in a file.
func Decode(b []byte) (Config, error) {
	c := Default()
	b = takeOwn(&c, b)
	if string(b) == "{}" {
		return c, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return Config{}, fmt.Errorf("config: not an encoded configuration: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("config: not an encoded configuration: something follows it")
	}
	var errs ConfigErrors
	var user map[string]any
	for key, raw := range m {
		v := plain(raw)
		f := byKey()[key]
		if f == nil {
			if user == nil {
				user = map[string]any{}
			}
			user[key] = v
			continue
		}
		if err := f.receive(&c, v); err != nil {
			errs = append(errs, err)
		}
	}
	if user != nil {
		c.edit().user = user
	}
	if len(errs) > 0 {
		slices.SortFunc(errs, func(a, b *ConfigError) int { return strings.Compare(a.Key, b.Key) })
		return Config{}, errs
	}
	return c, nil
}

// receive sets the field to a value off the wire; null means the default, as
// in a file.
func (f *field) receive(c *Config, v any) *ConfigError {
	if v == nil {
		def := Default()
		return f.set(c, f.given(&def))
	}
	g, ok := givenOf(v)
	if !ok {
		return &ConfigError{Key: f.key, Value: fmt.Sprintf("%T", v), Problem: "has a type that can't be read", Hint: f.hint()}
	}
	return f.set(c, g)
}

// The keys of the objects that stand for what JSON can't say.
const (
	markFloat  = "!!float"  // NaN and the infinities
	markTime   = "!!time"   // RFC 3339
	markBytes  = "!!bytes"  // base64 of a []byte
	markBinary = "!!binary" // base64 of a string that is not UTF-8
	markMap    = "!!map"    // a map that would look like one of these
)

// appendValue appends a canonical value. Maps are sorted, so equal values have
// equal bytes.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case float64:
		return appendFloat(b, v)
	case string:
		return appendText(b, v)
	case time.Time:
		return appendMarked(b, markTime, v.Format(time.RFC3339Nano))
	case []byte:
		return appendMarked(b, markBytes, base64.StdEncoding.EncodeToString(v))
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, item)
		}
		return append(b, ']')
	case map[string]any:
		return appendMap(b, v)
	}
	return append(b, "null"...) // canonical makes no other type
}

func appendMap(b []byte, m map[string]any) []byte {
	looksMarked := false
	if len(m) == 1 {
		for k := range m {
			looksMarked = strings.HasPrefix(k, "!!")
		}
	}
	if looksMarked {
		b = append(b, `{"`+markMap+`":`...)
	}
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = appendValue(b, m[k])
	}
	b = append(b, '}')
	if looksMarked {
		b = append(b, '}')
	}
	return b
}

// appendFloat keeps a float apart from an integer of the same value.
func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendMarked(b, markFloat, strconv.FormatFloat(f, 'g', -1, 64))
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	if !bytes.ContainsAny(b[start:], ".e") {
		b = append(b, '.', '0')
	}
	return b
}

func appendMarked(b []byte, mark, text string) []byte {
	b = append(b, `{"`+mark+`":"`...)
	return append(append(b, text...), '"', '}')
}

func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return appendMarked(b, markBinary, base64.StdEncoding.EncodeToString([]byte(s)))
	}
	return appendString(b, s)
}

// appendString appends s as a JSON string; what is not UTF-8 is replaced.
func appendString(b []byte, s string) []byte {
	simple := !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' || r >= utf8.RuneSelf || r == '"' || r == '\\'
	})
	if simple {
		return append(append(append(b, '"'), s...), '"')
	}
	q, err := json.Marshal(s)
	if err != nil { // a string always has a form
		return append(b, `""`...)
	}
	return append(b, q...)
}

// unwire reads a single value of the wire.
func unwire(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("can't be kept: %w", err)
	}
	return plain(v), nil
}

// plain turns what the JSON decoder made into a canonical value.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v.String())
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		if len(v) == 1 {
			for k, inner := range v {
				if u, ok := unmarked(k, inner); ok {
					return u
				}
			}
		}
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}

func number(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return integer(n)
	}
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(s, 64) // beyond float64: the infinity it comes nearest to
	return f
}

// unmarked reads an object that stands for what JSON can't say.
func unmarked(mark string, v any) (any, bool) {
	if m, ok := v.(map[string]any); ok && mark == markMap {
		for k := range m {
			m[k] = plain(m[k])
		}
		return m, true
	}
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	switch mark {
	case markFloat:
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil
	case markTime:
		t, err := time.Parse(time.RFC3339Nano, s)
		return t, err == nil
	case markBytes:
		b, err := base64.StdEncoding.DecodeString(s)
		return b, err == nil
	case markBinary:
		b, err := base64.StdEncoding.DecodeString(s)
		return string(b), err == nil
	}
	return nil, false
}
