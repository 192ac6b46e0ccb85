//go:build linux

package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/internal/leash"
)

func TestMain(m *testing.M) {
	if code, other := role(os.Args); other { // the test binary is also the program under test
		os.Exit(code)
	}
	leash.Hold()
	os.Exit(m.Run())
}

func ourSide(t *testing.T) (scratch string, ours side) {
	t.Helper()
	scratch, ours, err := prepare()
	t.Cleanup(func() { _ = os.RemoveAll(scratch) }) // in /tmp, at worst
	if err != nil {
		t.Fatal(err)
	}
	return scratch, ours
}

// TestStories plays every story on our side, some at a time, and reports each as a test.
func TestStories(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	scratch, ours := ourSide(t)
	all := selection{pattern: regexp.MustCompile(""), short: testing.Short()}.variants(stories)
	if raceEnabled { // each process takes ten times as long: one variant of each story
		all = onePerStory(all)
	}
	results := make([]result, len(all))
	playAll(t.Context(), all, ours, scratch, func(i int, r result) { results[i] = r })
	for _, r := range results {
		t.Run(r.variant.String(), func(t *testing.T) {
			switch r.verdict {
			case broken:
				t.Error(r.detail)
			case differs, skipped:
				t.Skip(r.detail)
			}
		})
	}
}

// onePerStory takes another one from story to story, so that all worker types are there.
func onePerStory(all []variant) []variant {
	of := map[*story][]variant{}
	for _, v := range all {
		of[v.story] = append(of[v.story], v)
	}
	var some []variant
	for _, v := range all {
		if its := of[v.story]; its[len(some)%len(its)] == v {
			some = append(some, v)
			of[v.story] = []variant{{}} // done
		}
	}
	return some
}

// TestChaos is a short run of what "conformance chaos" does for as long as one likes.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	scratch, ours := ourSide(t)
	var out strings.Builder
	err := runChaos(t.Context(), chaosOptions{seed: 1, length: 5 * time.Second, workers: 3, clients: 4, out: &out}, scratch, ours)
	t.Log(out.String())
	if err != nil {
		t.Error(err)
	}
}

// unseen are the keys that no story can show, and why.
var unseen = map[string]string{
	"supervisor":                               "each variant sets it",
	"worker_queue_size":                        "messages come from Go code only: host_messages_test.go",
	"worker_max_message_size":                  "messages come from Go code only: host_test.go, workers/inbox_test.go",
	"server_graceful_kill_interval_increment":  "a server obeys the first signal; the ladder is that of death.story",
	"server_immediate_kill_interval_increment": "a server obeys the first signal; the ladder is that of death.story",
}

// TestEveryKeyHasAStory: each key is set by a story, or by a step of one.
func TestEveryKeyHasAStory(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, s := range stories {
		for _, one := range s.settings {
			set[one.key] = true
		}
		for _, step := range s.steps {
			if key, _, ok := strings.Cut(strings.TrimPrefix(step.text, "set "), ":"); ok && strings.HasPrefix(step.text, "set ") {
				set[key] = true
			}
		}
	}
	known := map[string]bool{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[serverengine.Config]()) {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		known[key] = true
		switch why, excused := unseen[key]; {
		case set[key] && excused:
			t.Errorf("a story sets %s, which is said to be unseen: %s", key, why)
		case !set[key] && !excused:
			t.Errorf("no story sets %s", key)
		}
	}
	if len(known) < 90 {
		t.Errorf("only %d keys were found", len(known))
	}
	for key := range unseen {
		if !known[key] {
			t.Errorf("there is no key %s", key)
		}
	}
	if !set["my_logger"] { // the README's logger_class is code here
		t.Error("no story sets a logger of its own")
	}
}

// TestEverySignalHasAStory: each signal to the top, with each worker type, with and without
// a supervisor, and to a server under one; and something is expected of it.
func TestEverySignalHasAStory(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	sent := map[string]bool{}
	for i := range stories {
		for n, step := range stories[i].steps {
			if !strings.HasPrefix(step.text, "send ") || !expectsNext(stories[i].steps[n+1:]) {
				continue
			}
			for _, v := range stories[i].variants() {
				sent[step.text+" "+v.how()] = true
			}
		}
	}
	variants := func(sup ...bool) []variant {
		return (&story{types: strings.Fields("embedded thread process spawn"), supervised: sup}).variants()
	}
	for _, name := range strings.Fields("TERM QUIT USR1 HUP USR2 INT CONT TTIN TTOU KILL") {
		for _, v := range variants(false, true) {
			if !sent["send "+name+" to the top "+v.how()] {
				t.Errorf("no story sends %s with %s", name, v.how())
			}
		}
		for _, v := range variants(true) {
			if !sent["send "+name+" to the server "+v.how()] {
				t.Errorf("no story sends %s to a server with %s", name, v.how())
			}
		}
	}
}

// expectsNext reports that something is expected before the next action.
func expectsNext(steps []step) bool {
	return len(steps) > 0 && (strings.HasPrefix(steps[0].text, "expect ") || strings.HasPrefix(steps[0].text, "clients leave"))
}

// TestPageIsOfTheseStories: docs/conformance.md has a row for each story, and no other.
func TestPageIsOfTheseStories(t *testing.T) {
	stories, err := loadStories()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| scenario ") {
			rows[line] = true
		}
	}
	for i := range stories {
		head, found := stories[i].rowHead(), false
		for row := range rows {
			if strings.HasPrefix(row, head) {
				delete(rows, row)
				found = true
				break
			}
		}
		if !found {
			t.Errorf("no row begins with %q: write the page anew", head)
		}
	}
	for row := range rows {
		t.Errorf("no story is that of the row %q: write the page anew", row)
	}
}
