package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

// fieldSet is a sorted set of fields that never change, rendered once.
type fieldSet []field

type field struct {
	key  string
	text string // ` key=value`
	json string // `,"key":value`
}

func newFieldSet(fields map[string]any) fieldSet {
	set := make(fieldSet, 0, len(fields))
	for k, v := range fields {
		set = append(set, field{
			key:  k,
			text: string(appendTextField(nil, k, v)),
			json: string(appendJSONField(nil, k, v)),
		})
	}
	slices.SortFunc(set, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return set
}

// append appends the set and data to dst, sorted by key; data wins where both
// have a key.
func (s fieldSet) append(dst []byte, isJSON bool, data logrus.Fields) []byte {
	if len(data) == 0 {
		for i := range s {
			dst = s[i].append(dst, isJSON)
		}
		return dst
	}
	var room [16]string
	for _, k := range sortedKeys(room[:0], data) {
		for len(s) > 0 && s[0].key <= k {
			if s[0].key < k {
				dst = s[0].append(dst, isJSON)
			}
			s = s[1:]
		}
		if isJSON {
			dst = appendJSONField(dst, k, data[k])
		} else {
			dst = appendTextField(dst, k, data[k])
		}
	}
	return s.append(dst, isJSON, nil)
}

func (f *field) append(dst []byte, isJSON bool) []byte {
	if isJSON {
		return append(dst, f.json...)
	}
	return append(dst, f.text...)
}

func sortedKeys(keys []string, data logrus.Fields) []string {
	for k := range data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func appendTextField(dst []byte, key string, value any) []byte {
	dst = append(dst, ' ')
	dst = appendQuoted(dst, key)
	dst = append(dst, '=')
	return appendTextValue(dst, value)
}

func appendTextValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendQuoted(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case []byte:
		return appendQuoted(dst, string(v))
	case time.Time:
		return v.AppendFormat(dst, time.RFC3339Nano)
	}
	// fmt also survives Error and String methods that panic.
	start := len(dst)
	dst = fmt.Append(dst, value)
	if plain(string(dst[start:])) {
		return dst
	}
	return strconv.AppendQuote(dst[:start], string(dst[start:]))
}

func appendQuoted(dst []byte, s string) []byte {
	if plain(s) {
		return append(dst, s...)
	}
	return strconv.AppendQuote(dst, s)
}

// plain tells whether s can stand in key=value without quotes.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c == '"' || c == '=' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf {
			return utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0
		}
	}
	return s != ""
}

func unprintable(r rune) bool {
	return r == '"' || r == '=' || r <= ' ' || !strconv.IsPrint(r)
}

// reserved are the keys of the JSON object that a field must not overwrite.
var reserved = map[string]bool{"time": true, "level": true, "pid": true, "msg": true}

func appendJSONField(dst []byte, key string, value any) []byte {
	if reserved[key] {
		key = "fields." + key
	}
	dst = append(dst, ',')
	dst = appendJSONString(dst, key)
	dst = append(dst, ':')
	return appendJSONValue(dst, value)
}

func appendJSONValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendJSONString(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case time.Duration:
		return appendJSONString(dst, v.String())
	case json.Marshaler, nil:
	case error, fmt.Stringer:
		return appendJSONString(dst, fmt.Sprint(v))
	}
	b, err := marshal(value)
	if err != nil {
		return appendJSONString(dst, fmt.Sprint(value))
	}
	// What a MarshalJSON gives is checked for its syntax only.
	return append(dst, bytes.ToValidUTF8(b, []byte("\ufffd"))...)
}

// marshal is json.Marshal for values of unknown quality: a panic of their
// MarshalJSON is an error.
func marshal(value any) (b []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("logging: MarshalJSON panicked: %v", r)
		}
	}()
	return json.Marshal(value)
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// the replacement character.
func appendJSONString(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends what stands between the quotes of a JSON string.
func appendEscaped[S string | []byte](dst []byte, s S) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			dst = append(append(dst, s[start:i]...), `\ufffd`...)
		} else {
			dst = appendEscape(append(dst, s[start:i]...), c)
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
