//go:build linux

// Conformance plays the stories in stories/ against this library, and against Ruby's
// ServerEngine where it is installed, and prints a table of what each keeps.
//
//	go run ./conformance                              everything, on both sides
//	go run ./conformance -only ours -run signals      some, on one side
//	go run ./conformance -table docs/conformance.md   and write the table
//	go run ./conformance chaos -seed 1 -for 60s       random trouble under load
//
// The exit code is 1 if ours fails. Needs Linux; some stories need root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/serverengine/serverengine-go/internal/leash"
)

func main() {
	if code, other := role(os.Args); other {
		os.Exit(code)
	}
	leash.Hold()
	ctx := interruptible()
	if len(os.Args) > 1 && os.Args[1] == "chaos" {
		os.Exit(chaosCommand(ctx, os.Args[2:]))
	}
	os.Exit(conformance(ctx, os.Args[1:]))
}

// interruptible ends with the first Ctrl-C. At the second the program ends as it stands.
func interruptible() context.Context {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop()
		fmt.Fprintln(os.Stderr, "conformance: ending what is under way; once more to leave it")
	})
	return ctx
}

var errInterrupted = errors.New("interrupted")

// role does the work of this program's other parts, which plays start.
func role(args []string) (code int, other bool) {
	leash.Follow()
	switch {
	case len(args) == 3 && args[1] == "subject":
		return subject(args[2]), true
	case len(args) == 3 && args[1] == "spawned":
		return spawned(args[2]), true
	case len(args) == 3 && args[1] == "served":
		return served(args[2]), true
	}
	return 0, false
}

// conformance is the command. It returns the exit code.
func conformance(ctx context.Context, args []string) int {
	flags := flag.NewFlagSet("conformance", flag.ExitOnError)
	var s selection
	flags.StringVar(&s.only, "only", "", "play `side`: ours or original (default: both)")
	pattern := flags.String("run", "", "play stories whose name matches `pattern`")
	table := flags.String("table", "", "write the table to `file`")
	flags.BoolVar(&s.short, "short", false, "leave out the stories that take long")
	_ = flags.Parse(args) // ExitOnError
	var err error
	if s.pattern, err = regexp.Compile(*pattern); err != nil || flags.NArg() > 0 || s.only != "" && s.only != "ours" && s.only != "original" {
		flags.Usage()
		return 2
	}
	report, err := playSides(ctx, s, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Print(report.table())
	if *table != "" {
		if err := os.WriteFile(*table, []byte(report.page()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if report.failures("ours") > 0 {
		return 1
	}
	return 0
}

// playSides plays what is selected and says on progress how it goes.
func playSides(ctx context.Context, s selection, progress io.Writer) (*report, error) {
	stories, err := loadStories()
	if err != nil {
		return nil, err
	}
	scratch, ours, err := prepare()
	defer os.RemoveAll(scratch)
	if err != nil {
		return nil, err
	}
	sides := map[string]side{"ours": ours}
	if s.only != "ours" {
		original, err := findOriginal(scratch, ours.self)
		if err != nil {
			fmt.Fprintf(progress, "without the original: %v\n", err)
		} else {
			sides["original"] = original
		}
	}
	r := &report{stories: stories, version: sides["original"].version, results: map[string][]result{}}
	if len(s.variants(stories)) == 0 {
		return nil, fmt.Errorf("no story is selected by %q", s.pattern)
	}
	for _, name := range []string{"ours", "original"} {
		if one, ok := sides[name]; ok && (s.only == "" || s.only == name) {
			r.results[name] = playWatched(ctx, s.variants(stories), one, scratch, progress)
		}
		if ctx.Err() != nil {
			return nil, errInterrupted
		}
	}
	return r, nil
}

// playWatched prints a line for each failure, and one at the end.
func playWatched(ctx context.Context, all []variant, s side, scratch string, progress io.Writer) []result {
	results := make([]result, len(all))
	var mu sync.Mutex
	began := time.Now()
	playAll(ctx, all, s, scratch, func(i int, r result) {
		mu.Lock()
		defer mu.Unlock()
		results[i] = r
		switch expected := s.name == "original" && strings.HasPrefix(r.story.original, "breaks"); {
		case r.verdict == broken && !expected:
			fmt.Fprintf(progress, "%s: %s: %s\n\n", s.name, r.variant, r.detail)
		case r.verdict == kept && expected:
			fmt.Fprintf(progress, "%s: %s: kept, although the story expects otherwise\n\n", s.name, r.variant)
		}
	})
	fmt.Fprintf(progress, "%s: %d plays in %s\n", s.name, len(all), time.Since(began).Round(time.Second))
	return results
}
