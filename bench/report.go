package main

import (
	"fmt"
	"io"
)

// bound is what a figure is held to.
type bound struct {
	limit   float64
	atLeast bool // else at most
	clearly bool // missed only if the whole interval is beyond it
}

func (b bound) holds(v float64) bool {
	if b.atLeast {
		return v >= b.limit
	}
	return v <= b.limit
}

func (b bound) String() string {
	if b.atLeast {
		return fmt.Sprintf("at least %.4g", b.limit)
	}
	return fmt.Sprintf("at most %.4g", b.limit)
}

// report is what a run has to say: lines as they come, and a table at the end.
type report struct {
	out     io.Writer
	figures []figure
}

// figure is a line of the table.
type figure struct {
	name    string
	value   string
	bound   string // empty: only told
	verdict string
	missed  bool
}

func (r *report) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// side tells of one side of a comparison.
func (r *report) side(name, unit string, values []float64) {
	low, high := interval(values)
	r.say("  %-44s median %10.4g %s  (%.4g to %.4g)", name, median(values), unit, low, high)
}

// ratio holds the median of ratios against a bound.
func (r *report) ratio(name string, ratios []float64, b bound) {
	m := median(ratios)
	low, high := interval(ratios)
	f := figure{
		name:   name,
		value:  fmt.Sprintf("%.3f, 95 %% interval %.3f to %.3f, %d pairs", m, low, high, len(ratios)),
		bound:  b.String(),
		missed: !b.holds(m),
	}
	f.verdict = "kept"
	if f.missed {
		f.verdict = "MISSED"
	}
	if b.holds(low) != b.holds(high) {
		f.verdict += ", the interval holds the bound"
		f.missed = f.missed && !b.clearly
	}
	r.add(f)
}

// count holds a number against a bound.
func (r *report) count(name string, v float64, text string, b bound) {
	f := figure{name: name, value: text, bound: b.String(), verdict: "kept"}
	if !b.holds(v) {
		f.verdict, f.missed = "MISSED", true
	}
	r.add(f)
}

// tell adds a figure without a bound.
func (r *report) tell(name, format string, args ...any) {
	r.add(figure{name: name, value: fmt.Sprintf(format, args...)})
}

func (r *report) add(f figure) {
	r.figures = append(r.figures, f)
	r.say("  %s", f)
}

func (f figure) String() string {
	if f.bound == "" {
		return fmt.Sprintf("%s: %s", f.name, f.value)
	}
	return fmt.Sprintf("%s: %s; bound %s: %s", f.name, f.value, f.bound, f.verdict)
}

// table tells all figures again and reports whether every bound was kept.
func (r *report) table() bool {
	all := true
	r.say("\nfigures")
	for _, f := range r.figures {
		r.say("  %s", f)
		all = all && !f.missed
	}
	return all
}
