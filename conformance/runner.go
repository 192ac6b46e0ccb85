//go:build linux

package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"sync"
)

// result is what one side made of one variant.
type result struct {
	variant
	verdict verdict
	detail  string // why not
}

type verdict string

const (
	kept    verdict = "kept"
	broken  verdict = "broken"
	notHere verdict = "n/a"     // a later version, or nothing that it has
	differs verdict = "differs" // on purpose
	skipped verdict = "skipped" // needs root
)

// selection says what is played.
type selection struct {
	only    string         // "ours", "original", or empty for both
	pattern *regexp.Regexp // of variants' names
	short   bool           // without the slow ones
}

func (s selection) variants(all []story) []variant {
	var chosen []variant
	for i := range all {
		if all[i].slow && s.short {
			continue
		}
		for _, v := range all[i].variants() {
			if s.pattern.MatchString(v.String()) {
				chosen = append(chosen, v)
			}
		}
	}
	return chosen
}

// crowd is how many plays run at once on a side: they mostly wait. The original waits in vain
// for all that it breaks.
func crowd(s side) int {
	if s.name == "original" {
		return 20
	}
	return 10
}

// playAll plays all variants on one side and calls done as each ends, from any goroutine.
// When ctx ends no more of them begin.
func playAll(ctx context.Context, all []variant, s side, scratch string, done func(int, result)) {
	places := make(chan struct{}, crowd(s))
	var running sync.WaitGroup
	for i, v := range all {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			done(i, judge(v, s, scratch))
		})
	}
	running.Wait()
}

// judge plays a variant, if this side has what it is about.
func judge(v variant, s side, scratch string) result {
	r := result{variant: v}
	why, lacks := strings.CutPrefix(v.story.original, "lacks: ")
	switch {
	case s.name == "original" && lacks:
		r.verdict, r.detail = notHere, why
	case s.name == "original" && v.story.since != "" && older(s.version, v.story.since):
		r.verdict, r.detail = notHere, "since "+v.story.since
	case s.name == "ours" && v.story.ours != "":
		r.verdict, r.detail = differs, strings.TrimPrefix(v.story.ours, "differs: ")
	case v.story.root && os.Getuid() != 0:
		r.verdict, r.detail = skipped, "needs root"
	default:
		r.verdict = kept
		if err := playOne(v, s, scratch); err != nil {
			r.verdict, r.detail = broken, err.Error()
		}
	}
	return r
}

func playOne(v variant, s side, scratch string) error {
	p, err := stage(v, s, scratch)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	return p.run()
}
