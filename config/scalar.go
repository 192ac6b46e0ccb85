package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// given is a value as it was written, before a key says what it is: one text
// or a list of texts. Files, the environment, the wire and Set all come down
// to it.
type given struct {
	text   string
	list   []string
	isList bool
}

// show returns the value for a message.
func (g given) show() string {
	if g.isList {
		return shown("[" + strings.Join(g.list, ", ") + "]")
	}
	return shown(g.text)
}

// items returns the value as a list; a single text may hold several, divided by
// commas, which is how the environment writes them.
func (g given) items() []string {
	if g.isList {
		return g.list
	}
	text := strings.TrimSpace(g.text)
	if enclosed(text) {
		text = text[1 : len(text)-1]
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	items := strings.Split(text, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return items
}

// enclosed tells whether the bracket that text begins with is closed at its end:
// in [::1]:80,unix:///a[1] it is an address's.
func enclosed(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth <= 0 {
			return i > 0 && i == len(text)-1
		}
	}
	return false
}

// set parses g into c's field. Only its syntax is judged here: ranges and names
// are for Validate, which sees values set in code too.
func (f *field) set(c *Config, g given) *ConfigError {
	if err := assign(f.at(c), g); err != nil {
		return &ConfigError{Key: f.key, Value: g.show(), Problem: err.Error(), Hint: f.hint()}
	}
	return nil
}

func assign(p any, g given) (err error) {
	switch p := p.(type) {
	case *[]int:
		*p, err = parseInts(g.items())
		return err
	case *[]string:
		*p = append([]string(nil), g.items()...)
		return nil
	}
	if g.isList {
		return errors.New("is a list")
	}
	return assignText(p, g.text)
}

func assignText(p any, text string) (err error) {
	switch p := p.(type) {
	case *string:
		*p = text
	case *bool:
		return put(p, text, parseBool)
	case *int:
		return put(p, text, parseInt)
	case *int64:
		return put(p, text, parseSize)
	case *float64:
		return put(p, text, parseFloat)
	case *time.Duration:
		return put(p, text, parseDuration)
	case *Umask:
		return put(p, text, parseUmask)
	default:
		s, ok := enumText(p)
		if !ok {
			return fmt.Errorf("has a type nobody reads: %T", p)
		}
		*s = word(text)
	}
	return nil
}

// put assigns what parse makes of text, and nothing if it fails.
func put[T any](p *T, text string, parse func(string) (T, error)) error {
	v, err := parse(strings.TrimSpace(text))
	if err == nil {
		*p = v
	}
	return err
}

// word is the one form of a name: lower case, underscores, no Ruby colon. What
// would lose another colon is left as it is: it is no name.
func word(s string) string {
	s = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(s)), "-", "_")
	name := strings.TrimPrefix(s, ":")
	if name == "" || name[0] == ':' || strings.TrimSpace(name) != name {
		return s
	}
	return name
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	}
	return false, errors.New("is not true or false")
}

// parseInt reads a whole number as YAML does: 1_000, 0x1f; a leading 0 is octal.
func parseInt(s string) (int, error) {
	n, err := strconv.ParseInt(s, 0, strconv.IntSize)
	if errors.Is(err, strconv.ErrRange) {
		return 0, errors.New("is too large a number")
	}
	if err != nil {
		return 0, errors.New("is not a whole number")
	}
	return int(n), nil
}

func parseInts(items []string) ([]int, error) {
	var ns []int
	for _, s := range items {
		n, err := parseInt(strings.TrimSpace(s))
		if err != nil {
			return nil, fmt.Errorf("has an element %s that %w", shown(s), err)
		}
		ns = append(ns, n)
	}
	return ns, nil
}

func parseFloat(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("is not a number")
	}
	return f, nil
}

// parseDuration reads seconds (2, 0.5), a Go duration (1m30s) or never.
func parseDuration(s string) (time.Duration, error) {
	if strings.EqualFold(s, "never") {
		return Never, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return d, nil
	}
	if n, err := parseInt(s); err == nil && int64(n) <= int64(math.MaxInt64/time.Second) && int64(n) >= int64(math.MinInt64/time.Second) {
		return time.Duration(n) * time.Second, nil
	}
	f, err := parseFloat(s)
	if err != nil {
		return 0, errors.New("is not a duration")
	}
	ns := math.Round(f * float64(time.Second))
	if ns >= math.MaxInt64 || ns <= math.MinInt64 {
		return 0, errors.New("is too long a duration")
	}
	if ns == 0 && f < 0 { // it was negative before it was rounded
		return Never, nil
	}
	return time.Duration(ns), nil
}

// parseSize reads bytes or a number with a unit; units are powers of 1024.
func parseSize(s string) (int64, error) {
	bad := errors.New("is not a size")
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return n, nil
	}
	end := strings.LastIndexAny(s, "0123456789._") + 1
	unit, ok := sizeUnit(strings.ToUpper(strings.TrimSpace(s[end:])))
	if !ok {
		return 0, bad
	}
	f, err := parseFloat(strings.ReplaceAll(s[:end], "_", ""))
	if err != nil {
		return 0, bad
	}
	f *= float64(unit)
	if f >= math.MaxInt64 || f <= math.MinInt64 {
		return 0, errors.New("is too large a size")
	}
	return int64(f), nil
}

func sizeUnit(s string) (int64, bool) {
	switch strings.TrimSuffix(strings.TrimSuffix(s, "B"), "I") {
	case "":
		return 1, s == "" || s == "B"
	case "K":
		return 1 << 10, true
	case "M":
		return 1 << 20, true
	case "G":
		return 1 << 30, true
	case "T":
		return 1 << 40, true
	}
	return 0, false
}

// parseUmask reads octal digits. Two digits and more need a leading 0: YAML
// in Ruby reads 22 as decimal, a shell as octal, and a mask is no place to guess.
func parseUmask(s string) (Umask, error) {
	if s == "-1" {
		return NoUmask, nil
	}
	digits := strings.ToLower(s)
	octal, marked := strings.CutPrefix(digits, "0o")
	n, err := strconv.ParseUint(octal, 8, 31)
	if err != nil {
		return 0, errors.New("is not an octal number")
	}
	if !marked && len(digits) > 1 && digits[0] != '0' {
		return 0, fmt.Errorf("is decimal to some and octal to others; write 0%s", digits)
	}
	return Umask(n), nil
}
