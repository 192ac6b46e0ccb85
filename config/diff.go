package config

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
)

// Change is one key that two configurations differ in.
type Change struct {
	Key      string
	Old, New string // as in a message; "unset" for a key of the user that is not there
	Reload   Reload // what the new value waits for
}

// String returns the change for the log: workers 2 → 3 (now).
func (ch Change) String() string {
	return ch.Key + " " + ch.Old + " → " + ch.New + " (" + ch.Reload.wait() + ")"
}

// wait says what a changed value waits for.
func (r Reload) wait() string {
	switch r {
	case ReloadLive:
		return "now"
	case ReloadWorkers:
		return "needs a restart"
	case ReloadServer:
		return "needs a restart of the server"
	}
	return "needs a stop and a start"
}

// Diff returns what changes from old to new: keys of ours in the order of
// Config, then the user's by name, which are live.
func Diff(old, new Config) []Change {
	old.normalize()
	new.normalize()
	var changes []Change
	for i := range fields {
		f := &fields[i]
		if f.same(&old, &new) {
			continue
		}
		changes = append(changes, Change{f.key, shown(f.text(&old)), shown(f.text(&new)), f.reload})
	}
	return append(changes, diffUser(old.userKeys(), new.userKeys())...)
}

// same compares the values of two normalized configurations.
func (f *field) same(a, b *Config) bool {
	g, h := f.given(a), f.given(b)
	return g.text == h.text && slices.Equal(g.list, h.list)
}

func (c *Config) userKeys() map[string]any {
	if c.notes == nil {
		return nil
	}
	return c.notes.user
}

func diffUser(old, new map[string]any) []Change {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, new)
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(all)) {
		before, after := appendUser(old, key), appendUser(new, key)
		if !bytes.Equal(before, after) {
			changes = append(changes, Change{key, userText(old, key), userText(new, key), ReloadLive})
		}
	}
	return changes
}

// appendUser is a comparable form of the key's value, empty if there is none.
func appendUser(m map[string]any, key string) []byte {
	v, ok := m[key]
	if !ok {
		return nil
	}
	return appendValue(nil, v)
}

func userText(m map[string]any, key string) string {
	v, ok := m[key]
	if !ok {
		return "unset"
	}
	if s, ok := v.(string); ok {
		return shown(s)
	}
	text := []rune(string(appendValue(nil, v)))
	if len(text) > 80 {
		text = append(text[:79], '…')
	}
	return string(text)
}

// Keep returns c with old's values for the keys that nothing but a stop and a start of
// everything changes (ReloadNever): what runs would else be half of one kind.
func Keep(old, c Config) Config {
	for i := range fields {
		if f := &fields[i]; f.reload == ReloadNever {
			reflect.ValueOf(f.at(&c)).Elem().Set(reflect.ValueOf(f.at(&old)).Elem())
		}
	}
	return c
}
