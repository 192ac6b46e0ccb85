//go:build linux

package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestStoriesAreWhole: each says what is promised, does something and expects something,
// and no two have one name.
func TestStoriesAreWhole(t *testing.T) {
	all, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		name := s.file + ": " + s.name
		if seen[name] {
			t.Errorf("%s: there are two", name)
		}
		seen[name] = true
		var expects bool
		for _, step := range s.steps {
			expects = expects || strings.HasPrefix(step.text, "expect") || strings.Contains(step.text, "none refused")
		}
		if s.promise == "" || !expects || len(s.variants()) == 0 {
			t.Errorf("%s: promise %q, variants %v", name, s.promise, s.variants())
		}
	}
}

// TestParseStory: what a story's text becomes.
func TestParseStory(t *testing.T) {
	all, err := parseStories("file", `
# a comment
== A name
promise: it works
types: process thread
supervisor: both
original: breaks R1: why
set workers: 2
unset log
start
set workers: 3
expect run from all workers within 5s
`)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	s := all[0]
	if len(s.variants()) != 4 || s.original != "breaks R1: why" || len(s.steps) != 3 {
		t.Errorf("%+v", s)
	}
	base := s.variants()[3].base()
	for _, set := range base {
		if set.key == "log" {
			t.Error("log is set")
		}
	}
	if last := base[len(base)-1]; last != (setting{"workers", "2"}) {
		t.Errorf("%v", base)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"start",
		"== name\nexpect the impossible",
		"== name\nsend NONSENSE to the top",
		"== name\nexpect log /(/",
		"== name\nexpect run from everybody",
	} {
		if all, err := parseStories("file", text); err == nil {
			t.Errorf("%q is %v", text, all)
		}
	}
}

// TestStoriesCanFail: a play that does not go as told is an error that names the step, and
// leaves nothing behind.
func TestStoriesCanFail(t *testing.T) {
	scratch, ours := ourSide(t)
	for text, want := range map[string]string{
		"start\nexpect run\nsend TERM to the top\nexpect exit 7":           `"expect exit 7"`,
		"start\nexpect run\nexpect word within 10ms":                       `"expect word within 10ms"`,
		"start\nexpect run\nexpect no run":                                 `"expect no run"`,
		"start\nexpect run\nexpect all gone within 10ms":                   `"expect all gone within 10ms"`,
		"set my_finish: 2\nstart\nexpect run\nexpect the old server alive": "has not been seen",
	} {
		all, err := parseStories("file", "== name\n"+text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := stage(all[0].variants()[0], ours, scratch)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
		if left := inhabitants(p.dir); len(left) > 0 {
			t.Errorf("%q: left behind: %v", text, left)
		}
	}
}

func TestOlder(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{{"2.2.2", "2.3.0", true}, {"2.3.0", "2.2.2", false}, {"2.2.2", "2.2.2", false}, {"2.2", "2.2.1", true}, {"2.10.0", "2.9.9", false}} {
		if older(c.a, c.b) != c.want {
			t.Errorf("%s, %s", c.a, c.b)
		}
	}
}

// TestNothingSelected: a pattern that selects no story is a mistake.
func TestNothingSelected(t *testing.T) {
	r, err := playSides(t.Context(), selection{only: "ours", pattern: regexp.MustCompile("nonsense")}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("%v, %v", r, err)
	}
}

// TestBeforeAndGaps: what the steps that compare times make of marks.
func TestBeforeAndGaps(t *testing.T) {
	marks := "1000000000 run pid=1 w=0\n1100000000 done pid=1 w=0\n1700000000 run pid=2 w=1\n1900000000 run pid=3 w=2\n2000000000 done pid=2 w=1\n2100000000 after_run pid=9\n"
	for text, good := range map[string]bool{
		"expect run before done":       true, // of the same worker
		"expect done before run":       false,
		"expect done before after_run": true,
		"expect after_run before done": false,

		"expect gaps of run that differ by 400ms": true,
		"expect gaps of run that differ by 600ms": false,
	} {
		p := &play{dir: t.TempDir()}
		if err := os.WriteFile(p.path("marks"), []byte(marks), 0o644); err != nil {
			t.Fatal(err)
		}
		do, err := compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(p); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestTornBurst: a line that is there twice, or in part, is found.
func TestTornBurst(t *testing.T) {
	x := strings.Repeat("x", 60)
	for text, good := range map[string]bool{
		"I, [t #1]  INFO -- : line 0 " + x + " worker=0\nI, [t #2]  INFO -- : line 0 " + x + "\n": true,
		"I, [t #1]  INFO -- : line 0 " + x + "\nI, [t #1]  INFO -- : line 0 " + x + "\n":          false,
		"I, [t #1]  INFO -- : line 0 " + x + "\n" + x + "\n":                                      false,
	} {
		p := &play{dir: t.TempDir()}
		if err := os.WriteFile(p.path("server.log"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		lines, err := p.burst()
		if fine := err == nil && len(lines) == 2; fine != good {
			t.Errorf("%q: %v, %v", text, lines, err)
		}
	}
}
