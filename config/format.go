package config

import (
	"strconv"
	"strings"
	"time"
)

// text returns the value of c's field for people: durations like 1m30s, never,
// masks in octal, lists in brackets.
func (f *field) text(c *Config) string {
	p := f.at(c)
	if s, ok := enumText(p); ok {
		return *s
	}
	switch p := p.(type) {
	case *string:
		return *p
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *time.Duration:
		if f.never && *p < 0 {
			return "never"
		}
		return duration(*p)
	case *Umask:
		return p.String()
	case *[]int:
		items := make([]string, len(*p))
		for i, n := range *p {
			items[i] = strconv.Itoa(n)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case *[]string:
		return "[" + strings.Join(*p, ", ") + "]"
	}
	return ""
}

// duration is d without the zero parts that Go writes: 10m, not 10m0s.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// String returns the mask in octal with a leading 0, or -1 for NoUmask.
func (u Umask) String() string {
	if u < 0 {
		return strconv.Itoa(int(u))
	}
	if u == 0 {
		return "0"
	}
	return "0" + strconv.FormatInt(int64(u), 8)
}

// hint says what the field accepts.
func (f *field) hint() string {
	p := f.at(&Config{})
	if names := choices(p); names != nil {
		return "allowed: " + strings.Join(names, ", ")
	}
	switch p.(type) {
	case *bool:
		return "allowed: true, false"
	case *int:
		return "allowed: a whole number" + f.bounds()
	case *[]int:
		return "allowed: a list of whole numbers" + f.bounds()
	case *int64:
		return "allowed: bytes as 1048576 or 512MB" + f.bounds()
	case *float64:
		return "allowed: a number" + f.bounds()
	case *time.Duration:
		return "allowed: " + f.durationHint()
	case *Umask:
		return "allowed: octal digits with a leading 0 like 022, up to 0777, or -1 to keep the mask"
	case *[]string:
		return "allowed: a list of addresses like tcp://0.0.0.0:80, 0.0.0.0:80 or unix:///run/app.sock"
	}
	return f.textHint()
}

func (f *field) textHint() string {
	switch f.form {
	case "signal":
		return "allowed: " + strings.Join(handled[:], ", ")
	case "any_signal":
		return "allowed: a signal like HUP or USR1, or nothing"
	case "level":
		return "allowed: " + strings.Join(levels[:], ", ")
	}
	return "allowed: a text"
}

func (f *field) durationHint() string {
	s := "seconds like 0.5 or a duration like 1m30s, not negative"
	if f.min > 0 {
		s = "seconds like 0.5 or a duration like 1m30s, more than 0"
	}
	if f.never {
		s += ", or -1 for never"
	}
	return s
}

// bounds says the range of a number.
func (f *field) bounds() string {
	low := strconv.FormatInt(f.min, 10)
	if f.max == 0 {
		return " of " + low + " or more"
	}
	return " from " + low + " to " + strconv.FormatInt(f.max, 10)
}
