//go:build linux

package main

import (
	"os"
	"regexp"
	"testing"
)

func TestMain(m *testing.M) {
	if code, other := role(os.Args); other { // the test binary is also the program under test
		os.Exit(code)
	}
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
	results := make([]result, len(all))
	playAll(all, ours, scratch, func(i int, r result) { results[i] = r })
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
