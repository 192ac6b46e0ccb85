// Bench measures this library against the floor: what the same program does without it.
//
//	go run ./bench [-short] [-pairs n] subject ...
//
// Every figure is a ratio of two sides measured in turn, in one run, on one machine:
// the median of the pairs' ratios and its 95 % interval, held against a bound. So a slow
// machine does not move the figure, and a busy one makes the interval wide. The exit code is
// 1 when a bound was missed; with -short, only when the whole interval misses it.
//
// The program is every process of its own measurements: workers of the engine, and
// children without it. Nothing listens or connects but on 127.0.0.1.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"

	"github.com/serverengine/serverengine-go"
)

// subject is one measurement.
type subject struct {
	name, about string
	run         func(options, *report) error
}

var subjects = []subject{
	{"ready", "a worker process until it is ready, against the same program until main", ready},
	{"crash", "kill -9 of a worker until its replacement is ready", crash},
	{"messages", "Tell and Ask, against the same frames between two processes without actors", bodies},
	{"threads", "10,000 thread workers, of which every tenth crashes", threads},
	{"log", "four processes through the log's writer, against four that append to one file", logLines},
	{"serve", "requests per second of Serve, against processes that share a descriptor", serve},
}

// options are the flags.
type options struct {
	short bool
	count int
	dir   string // for files, removed at the end
	cpu   string // file of a CPU profile of this process
}

// pairs is how many pairs to measure: usual, or few with -short, or what -pairs says.
func (o options) pairs(usual, few int) int {
	switch {
	case o.count > 0:
		return o.count
	case o.short:
		return few
	}
	return usual
}

// size is how much to do in one measurement.
func (o options) size(usual, few int) int {
	if o.short {
		return few
	}
	return usual
}

// atMost and atLeast are bounds, with the second value for -short: few pairs on a busy
// machine only tell that nothing is badly wrong.
func (o options) atMost(usual, short float64) bound {
	if o.short {
		return bound{limit: short, clearly: true}
	}
	return bound{limit: usual}
}

func (o options) atLeast(usual, short float64) bound {
	b := o.atMost(usual, short)
	b.atLeast = true
	return b
}

func main() {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(beBare(role)) // the floor: what any program can do in its first line
	}
	serverengine.Init(apps()...)
	os.Exit(measure())
}

// apps are the workers' code, by subject.
func apps() []serverengine.App {
	return []serverengine.App{idleApp(), echoApp(), threadApp(), logApp(), webApp()}
}

func measure() int {
	var o options
	flag.BoolVar(&o.short, "short", false, "few pairs and generous bounds, for CI")
	flag.IntVar(&o.count, "pairs", 0, "how many pairs to measure; 0 = as many as the subject needs")
	flag.StringVar(&o.cpu, "cpuprofile", "", "write a CPU profile of this process, not of its children, to a file")
	flag.Usage = usage
	flag.Parse()
	chosen, err := choose(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		usage()
		return 2
	}
	if o.dir, err = os.MkdirTemp("", "serverengine-bench-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	kept, err := runAll(o, chosen)
	if err := errors.Join(err, os.RemoveAll(o.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if !kept {
		return 1
	}
	return 0
}

func runAll(o options, chosen []subject) (kept bool, err error) {
	if o.cpu != "" {
		f, err := os.Create(o.cpu)
		if err != nil {
			return false, err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return false, err
		}
		defer pprof.StopCPUProfile()
	}
	r := &report{out: os.Stdout}
	r.say("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, s := range chosen {
		r.say("\n%s: %s", s.name, s.about)
		if err := s.run(o, r); err != nil {
			return false, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return r.table(), nil
}

// choose finds subjects by their names.
func choose(names []string) ([]subject, error) {
	if runtime.GOOS == "windows" {
		return nil, errors.New("not on Windows: the floor inherits descriptors by number")
	}
	if len(names) == 0 {
		return nil, errors.New("no subject given")
	}
	if slices.Contains(names, "all") {
		return subjects, nil
	}
	var chosen []subject
	for _, name := range names {
		at := slices.IndexFunc(subjects, func(s subject) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("no subject %q", name)
		}
		chosen = append(chosen, subjects[at])
	}
	return chosen, nil
}

func usage() {
	var b strings.Builder
	b.WriteString("usage: go run ./bench [-short] [-pairs n] subject ...\n\n")
	for _, s := range subjects {
		fmt.Fprintf(&b, "  %-9s %s\n", s.name, s.about)
	}
	b.WriteString("  all       every subject\n\n")
	fmt.Fprint(os.Stderr, b.String())
	flag.PrintDefaults()
}
