package config

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"
)

// canonical copies a value into the few types that the wire keeps exactly.
func canonical(v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int, float64:
		return v, nil
	case time.Time:
		return instant(v)
	case []byte:
		return append([]byte{}, v...), nil
	case []any:
		return list(v, depth)
	case map[string]any:
		return object(v, depth)
	case json.Marshaler, encoding.TextMarshaler:
		return viaJSON(v)
	}
	r := reflect.ValueOf(v)
	switch {
	case r.CanInt():
		return integer(r.Int()), nil
	case r.CanUint():
		if u := r.Uint(); u > math.MaxInt64 {
			return u, nil
		}
		return integer(int64(r.Uint())), nil
	case r.CanFloat():
		return r.Float(), nil
	case r.Kind() == reflect.String:
		return r.String(), nil
	case r.Kind() == reflect.Bool:
		return r.Bool(), nil
	}
	return viaJSON(v)
}

var (
	errDeep = errors.New("is nested too deeply or contains itself")
	errKey  = errors.New("a key is not UTF-8")
	errTime = errors.New("is a time without a text form")
)

// instant is v with its distance from UTC, without its place and monotonic
// reading.
func instant(v time.Time) (any, error) {
	t, err := time.Parse(time.RFC3339Nano, v.Format(time.RFC3339Nano))
	if err != nil || !t.Equal(v) {
		return nil, errTime
	}
	return t, nil
}

func list(v []any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	list := make([]any, len(v))
	for i, item := range v {
		c, err := canonical(item, depth+1)
		if err != nil {
			return nil, err
		}
		list[i] = c
	}
	return list, nil
}

func object(v map[string]any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	m := make(map[string]any, len(v))
	for k, item := range v {
		if !utf8.ValidString(k) {
			return nil, errKey
		}
		c, err := canonical(item, depth+1)
		if err != nil {
			return nil, err
		}
		m[k] = c
	}
	return m, nil
}

// viaJSON keeps what JSON makes of a value; it refuses one that contains itself.
func viaJSON(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("can't be kept: %w", err)
	}
	return unwire(b)
}

// integer is an int where it fits.
func integer(n int64) any {
	if int64(int(n)) == n {
		return int(n)
	}
	return n
}

// cloned copies the containers of a canonical value.
func cloned(v any) any {
	switch v := v.(type) {
	case []byte:
		return slices.Clone(v)
	case []any:
		list := slices.Clone(v)
		for i := range list {
			list[i] = cloned(list[i])
		}
		return list
	case map[string]any:
		m := maps.Clone(v)
		for k := range m {
			m[k] = cloned(m[k])
		}
		return m
	}
	return v
}
