package config

import (
	"sync"
	"time"
)

// field is one key: what the tags and the comment of a field of Config say. The
// table is generated, so that neither a start of a program nor a look-up pays
// for reflection.
//
//go:generate go test -run ^TestKeysAreGenerated$ -update .
type field struct {
	key    string
	reload Reload
	form   string // what a text is: "", signal, any_signal, level or address
	min    int64  // of a number; of a duration in nanoseconds
	max    int64  // of a number; 0 is none
	never  bool   // negative durations mean Never
	group  string // heading in the reference
	doc    string // sentence in the reference
	at     func(*Config) any
}

// byKey is built at the first look-up, not at the start of every process.
var byKey = sync.OnceValue(func() map[string]*field {
	m := make(map[string]*field, len(fields))
	for i := range fields {
		m[fields[i].key] = &fields[i]
	}
	return m
})

// Key describes one key of Config.
type Key struct {
	Name    string // snake_case, as in a file
	Default string // as in a message
	Reload  Reload
	Doc     string // one sentence
}

// Keys returns every key of ours in the order of Config.
func Keys() []Key {
	def := Default()
	keys := make([]Key, len(fields))
	for i := range fields {
		f := &fields[i]
		keys[i] = Key{Name: f.key, Default: shown(f.text(&def)), Reload: f.reload, Doc: f.doc}
	}
	return keys
}

// normalize gives the values that can be written in several ways their one
// form: negative durations become Never, signals lose SIG, words are lower case.
func (c *Config) normalize() {
	for i := range fields {
		fields[i].normalize(c)
	}
}

func (f *field) normalize(c *Config) {
	p := f.at(c)
	if s, ok := enumText(p); ok {
		*s = word(*s)
		return
	}
	switch p := p.(type) {
	case *time.Duration:
		if f.never && *p < 0 {
			*p = Never
		}
	case *string:
		switch f.form {
		case "signal", "any_signal":
			*p = signalName(*p)
		case "level":
			*p = word(*p)
		}
	}
}

// nearest returns the key of ours that key was probably meant to be, or "".
// A short key with another first letter is more likely a name of the user's own:
// blog is not log, logs is.
func nearest(key string) string {
	const short = 6
	lower := word(key)
	best, name := 3, ""
	for i := range fields {
		k, limit := fields[i].key, best
		if min(len(lower), len(k)) <= short {
			if lower == "" || k[0] != lower[0] {
				continue
			}
			limit = min(best, 2)
		}
		if d := distance(lower, k, limit); d < limit {
			best, name = d, k
		}
	}
	return name
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b; limit and more are all the same to the caller.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
