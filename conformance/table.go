//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// report is what both sides made of the stories.
type report struct {
	stories []story
	version string // of the original; empty = it was not there
	results map[string][]result
}

func (r *report) failures(side string) int { return r.count(side, broken) }

func (r *report) count(side string, v verdict) int {
	n := 0
	for _, one := range r.results[side] {
		if one.verdict == v {
			n++
		}
	}
	return n
}

// of are a side's results of one story.
func (r *report) of(side string, s *story) []result {
	return slices.DeleteFunc(slices.Clone(r.results[side]), func(one result) bool { return one.story != s })
}

// table is the report in Markdown: one table for each file of stories.
func (r *report) table() string {
	var b strings.Builder
	file := ""
	for i := range r.stories {
		s := &r.stories[i]
		if len(r.of("ours", s))+len(r.of("original", s)) == 0 {
			continue
		}
		if s.file != file {
			file = s.file
			fmt.Fprintf(&b, "\n## %s\n\n| scenario | promise | original %s | ours |\n|---|---|---|---|\n", strings.ToUpper(file[:1])+file[1:], r.version)
		}
		fmt.Fprintf(&b, "%s%s | %s |\n", s.rowHead(), r.cell("original", s), r.cell("ours", s))
	}
	fmt.Fprintf(&b, "\n%s\n", r.summary())
	return b.String()
}

// rowHead is what a story's row says before it was played.
func (s *story) rowHead() string {
	return fmt.Sprintf("| %s (%s) | %s | ", s.name, s.scope(), s.promise)
}

// scope is which variants a story has, for example "process, thread; with and without supervisor".
func (s *story) scope() string {
	scope := strings.Join(s.types, ", ")
	switch {
	case len(s.supervised) == 2:
		scope += "; with and without supervisor"
	case s.supervised[0]:
		scope += "; with supervisor"
	}
	return scope
}

// cell is the verdict on one side: how many variants, and which ones differ.
func (r *report) cell(side string, s *story) string {
	all := r.of(side, s)
	if len(all) == 0 {
		return ""
	}
	var lost []string
	good := 0
	for _, one := range all {
		switch one.verdict {
		case kept:
			good++
		case broken:
			lost = append(lost, one.how())
		default:
			return string(one.verdict) + ": " + one.detail
		}
	}
	text := fmt.Sprintf("kept %d/%d", good, len(all))
	if len(lost) > 0 {
		text = fmt.Sprintf("**broken** %d/%d", len(lost), len(all))
		if good > 0 {
			text += " (" + strings.Join(lost, ", ") + ")"
		}
		if why, ok := strings.CutPrefix(s.original, "breaks"); ok && side == "original" {
			text += ": " + strings.TrimLeft(why, ": ")
		}
	}
	return text
}

func (r *report) summary() string {
	var lines []string
	for _, side := range []string{"ours", "original"} {
		if len(r.results[side]) == 0 {
			continue
		}
		name := side
		if side == "original" {
			name += " " + r.version
		}
		line := fmt.Sprintf("%s: %d kept, %d broken", name, r.count(side, kept), r.count(side, broken))
		for _, v := range []verdict{notHere, differs, skipped} {
			if n := r.count(side, v); n > 0 {
				line += fmt.Sprintf(", %d %s", n, v)
			}
		}
		lines = append(lines, line+".")
	}
	return strings.Join(lines, " ")
}

// page is docs/conformance.md.
func (r *report) page() string {
	return `# The original beside ours

Written by ` + "`go run ./conformance -table docs/conformance.md`" + `. Each row is a scenario of
[conformance/stories](../conformance/stories): a text that says how to start, what to do and what has to be seen. It is
played by a small program on this library and, word for word, by a small Ruby program on ServerEngine as Debian has it.
"kept 8/8" means in all variants of the row: worker types, with and without a supervisor. Where the original breaks a promise
of its own README, the row says so and why; R1 to R14 are the cases that were known before. "n/a" is what this version of
the original does not have, "differs" what ours does otherwise on purpose.
The programs are made for these stories, and not examples/server: both sides have to say in the same words what happens in
them, and to do on request what no example should, such as to ignore a stop.

` + r.summary() + "\n" + r.table() + chaosText
}

// chaosText is the page's part on chaos.
const chaosText = `
## Chaos

` + "`go run ./conformance chaos -seed 1 -for 60s`" + ` runs the quickstart's server under a supervisor while clients send it
requests, one connection each. In rounds it kills, ends, stops and continues workers, the server and the top; restarts,
scales and reloads, also from bad files; floods with signals; fills the log's disk (as root); and writes garbage into the
pipes by which workers and servers speak and are spoken to, and into the top's command pipe. The seed decides what happens,
in which order, and at whom it aims.

After each round everything has to settle: one server with the wanted workers, one in each slot, and nobody else, in /proc
and in the top's own view. Who has spoken or heard garbage is gone by then, and so is who was stopped until its heartbeats
were missed. Then are looked at: the listening socket, which is the same one all the time; the configuration that workers
answer with; the processes, which are the same where nobody was to end, as with a bad file; who holds the ends of life-lines
and of the other pipes, and the log; the number of descriptors at each level; zombies; every line of the log; panics. No
request may have been refused, and none lost but those, one of each client, that a worker had in hand when it was killed or
frozen until then, or restarted at once, or that a frozen server ended when it went on. In rounds of its own the top is killed
under load, soon after an action: then everything has to be gone within orphan_timeout and what a busy machine needs.

Ctrl-C ends a run after the round, or the play, that is under way. What it has started ends with it however it ends, but for
the tmpfs of the log's disk, which a run leaves that is killed in chaos.
`
