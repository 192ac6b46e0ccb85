package config

import "maps"

// notes are what a Config carries beside its fields. They are shared by the
// copies of a Config and therefore never changed, only replaced.
type notes struct {
	user     map[string]any   // keys of the user, values as canonical makes them
	places   map[string]place // where a key was given, for messages
	ignored  []string         // warnings about keys that have no meaning here
	problems ConfigErrors     // of Set, which has no other way to say them
}

// place is where a key got its value. It is believed only while the value is
// still the one given there: code may have set the field since.
type place struct {
	file  string
	line  int
	value string
}

// edit replaces c's notes by a copy that the caller may change.
func (c *Config) edit() *notes {
	n := &notes{}
	if c.notes != nil {
		n.user = maps.Clone(c.notes.user)
		n.places = maps.Clone(c.notes.places)
		n.ignored = append(n.ignored, c.notes.ignored...)
		n.problems = append(n.problems, c.notes.problems...)
	}
	if n.user == nil {
		n.user = map[string]any{}
	}
	if n.places == nil {
		n.places = map[string]place{}
	}
	c.notes = n
	return n
}
