//go:build linux

package main

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed stories/*.story
var storyFiles embed.FS

// story is one scenario: start with these settings, do this, expect that. It is text, in
// stories/, where a line is a heading, a setting ("set workers: 2") or a step; steps are
// described in the table of steps.go.
//
//	== TERM stops gracefully
//	promise: TERM: graceful shutdown
//	types: process thread
//	supervisor: both
//	set workers: 2
//	start
//	send TERM to the top
//	expect exit 0
type story struct {
	file, name string
	promise    string   // what the original's README says
	types      []string // worker types that it is played with; default process
	supervised []bool   // without, with, or both; default without
	root       bool     // needs root
	slow       bool     // takes more than some seconds: not under go test -short
	since      string   // first version of the original that has it
	original   string   // "breaks R1: why", "breaks: why", or "lacks: why" for what it does not have
	ours       string   // "differs: why" for what we decided against
	settings   []setting
	steps      []step
}

// setting is a line of the configuration file.
type setting struct{ key, value string }

type step struct {
	text string
	do   action
}

// action is what a step does.
type action func(p *play) error

// loadStories reads all stories.
func loadStories() ([]story, error) {
	files, err := storyFiles.ReadDir("stories")
	if err != nil {
		return nil, err
	}
	var all []story
	for _, f := range files {
		text, err := storyFiles.ReadFile(path.Join("stories", f.Name()))
		if err != nil {
			return nil, err
		}
		some, err := parseStories(strings.TrimSuffix(f.Name(), ".story"), string(text))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func parseStories(file, text string) ([]story, error) {
	var all []story
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		name, begins := strings.CutPrefix(line, "== ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case begins:
			all = append(all, story{file: file, name: name, types: []string{"process"}, supervised: []bool{false}})
		case len(all) == 0:
			return nil, fmt.Errorf("%s.story:%d: %q stands before the first story", file, n+1, line)
		default:
			if err := all[len(all)-1].add(line); err != nil {
				return nil, fmt.Errorf("%s.story:%d: %w", file, n+1, err)
			}
		}
	}
	return all, nil
}

// add takes one line of a story.
func (s *story) add(line string) error {
	if head, value, ok := strings.Cut(line, ": "); ok && len(s.steps) == 0 && s.heading(head, value) {
		return nil
	}
	if rest, ok := strings.CutPrefix(line, "set "); ok && len(s.steps) == 0 {
		key, value, _ := strings.Cut(rest, ": ")
		s.settings = append(s.settings, setting{key, value})
		return nil
	}
	if key, ok := strings.CutPrefix(line, "unset "); ok && len(s.steps) == 0 {
		s.settings = append(s.settings, setting{key: key})
		return nil
	}
	do, err := compile(line)
	if err != nil {
		return err
	}
	s.steps = append(s.steps, step{text: line, do: do})
	return nil
}

// heading takes a line before the settings. It reports whether it was one.
func (s *story) heading(head, value string) bool {
	switch head {
	case "promise":
		s.promise = value
	case "types":
		s.types = strings.Fields(value)
	case "supervisor":
		s.supervised = map[string][]bool{"no": {false}, "yes": {true}, "both": {false, true}}[value]
	case "needs":
		s.root = strings.Contains(value, "root")
	case "takes":
		s.slow = value == "long"
	case "since":
		s.since = value
	case "original":
		s.original = value
	case "ours":
		s.ours = value
	default:
		return false
	}
	return true
}

// variant is a story with one worker type, with or without a supervisor.
type variant struct {
	story      *story
	typ        string
	supervised bool
}

func (s *story) variants() []variant {
	var all []variant
	for _, typ := range s.types {
		for _, sup := range s.supervised {
			all = append(all, variant{s, typ, sup})
		}
	}
	return all
}

// how is the variant in words, for example "process under a supervisor".
func (v variant) how() string {
	if v.supervised {
		return v.typ + " under a supervisor"
	}
	return v.typ
}

func (v variant) String() string {
	return strings.ReplaceAll(fmt.Sprintf("%s/%s/%s", v.story.file, v.story.name, v.how()), " ", "_")
}

// base are the settings that a story starts from: small numbers, where the defaults are
// for real services. The original ignores the keys that it does not know.
func (v variant) base() []setting {
	all := []setting{
		{"worker_type", v.typ}, {"supervisor", fmt.Sprint(v.supervised)},
		{"log", "server.log"}, {"message", "hello"},
		{"orphan_timeout", "3"}, {"worker_ready_after", "0.05"}, {"server_restart_wait", "0.1"},
	}
	for _, s := range v.story.settings {
		all = put(all, s)
	}
	return all
}

// put replaces a setting, or adds it. An empty value takes it away.
func put(all []setting, s setting) []setting {
	all = slices.DeleteFunc(slices.Clone(all), func(o setting) bool { return o.key == s.key })
	if s.value == "" {
		return all
	}
	return append(all, s)
}
