package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Get returns the value of a key: one of the user's, or one of ours by its name
// in a file. Values from a file are nil, bool, int, float64, string, time.Time,
// []any or map[string]any (uint64 for an integer beyond int); what is returned
// is the caller's to change.
func (c Config) Get(key string) (any, bool) {
	if f := byKey()[key]; f != nil {
		return f.value(&c), true
	}
	if c.notes == nil {
		return nil, false
	}
	v, ok := c.notes.user[key]
	return cloned(v), ok
}

// value is a copy of the field's value.
func (f *field) value(c *Config) any {
	switch p := f.at(c).(type) {
	case *[]int:
		return slices.Clone(*p)
	case *[]string:
		return slices.Clone(*p)
	default:
		return reflect.ValueOf(p).Elem().Interface()
	}
}

// Set gives a key of the user a value, which is copied: simple values, times,
// lists and maps as they are, others as JSON would write them. Copies of c made
// before keep theirs. The name of a key of ours sets that field. A value that
// can't be kept, or a key that is nearly one of ours, is a problem that Validate
// reports. nil is a value of the user's keys and the default of ours; nothing
// removes a key.
func (c *Config) Set(key string, v any) {
	n := c.edit()
	n.problems = slices.DeleteFunc(n.problems, func(e *ConfigError) bool { return e.Key == key })
	if err := c.set(n, key, v); err != nil {
		n.problems = append(n.problems, err)
	}
}

func (c *Config) set(n *notes, key string, v any) *ConfigError {
	if f := byKey()[key]; f != nil {
		delete(n.places, key)
		err := f.receive(c, v)
		f.normalize(c)
		return err
	}
	if near := nearest(key); near != "" {
		return mistyped(key, near)
	}
	if !utf8.ValidString(key) {
		return &ConfigError{Key: strconv.Quote(key), Problem: errKey.Error()}
	}
	kept, err := canonical(v, 0)
	if err != nil {
		return &ConfigError{Key: key, Value: fmt.Sprintf("%T", v), Problem: err.Error(), Hint: "give data: numbers, texts, lists, maps, structs", cause: err}
	}
	n.user[key] = kept
	return nil
}

// Decode fills the struct or map v points to with all keys of the user, by its
// yaml tags. Fields whose key is missing keep their value.
func (c Config) Decode(v any) error {
	if c.notes == nil {
		return convert("the keys of your own", map[string]any{}, v)
	}
	return convert("the keys of your own", c.notes.user, v)
}

// DecodeKey fills what v points to with the value of one key. A missing key
// leaves it as it is; Get tells whether there is one.
func (c Config) DecodeKey(key string, v any) error {
	val, ok := c.Get(key)
	if !ok {
		return nil
	}
	return convert("the key "+key, val, v)
}

func convert(what string, from, to any) error {
	var n yaml.Node
	if err := n.Encode(from); err != nil {
		return fmt.Errorf("config: %s: %w", what, err)
	}
	if err := n.Decode(to); err != nil {
		return fmt.Errorf("config: %s don't fit into %T: %w", what, to, err)
	}
	return nil
}

// givenOf brings a Go value into the form a file has; false for one that no
// key of ours takes.
func givenOf(v any) (given, bool) {
	r := reflect.ValueOf(v)
	if v != nil && r.Kind() == reflect.Slice {
		g := given{isList: true}
		for i := range r.Len() {
			item, ok := textOf(r.Index(i).Interface())
			if !ok {
				return g, false
			}
			g.list = append(g.list, item)
		}
		return g, true
	}
	text, ok := textOf(v)
	return given{text: text}, ok
}

func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case time.Duration:
		return v.String(), true
	case Umask:
		return v.String(), true
	case json.Number:
		return v.String(), true
	case nil:
		return "", false
	}
	r := reflect.ValueOf(v)
	switch {
	case r.Kind() == reflect.String:
		return r.String(), true
	case r.Kind() == reflect.Bool:
		return strconv.FormatBool(r.Bool()), true
	case r.CanInt():
		return strconv.FormatInt(r.Int(), 10), true
	case r.CanUint():
		return strconv.FormatUint(r.Uint(), 10), true
	case r.CanFloat():
		return strconv.FormatFloat(r.Float(), 'g', -1, 64), true
	}
	return "", false
}

// given returns the field's value in the form a file has.
func (f *field) given(c *Config) given {
	switch p := f.at(c).(type) {
	case *[]string:
		return given{list: *p, isList: true}
	case *[]int:
		g, _ := givenOf(*p)
		return g
	case *time.Duration:
		return given{text: p.String()} // "never" would not keep the number
	}
	return given{text: f.text(c)}
}
