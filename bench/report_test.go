package main

import (
	"io"
	"testing"
)

func TestVerdicts(t *testing.T) {
	wide := []float64{1, 1, 1, 1.4, 1.6, 1.6, 1.6}
	for _, c := range []struct {
		ratios []float64
		bound  bound
		want   string
		missed bool
	}{
		{wide, bound{limit: 2}, "kept", false},
		{wide, bound{limit: 1.5}, "kept, the interval holds the bound", false},
		{wide, bound{limit: 1.3}, "MISSED, the interval holds the bound", true},
		{wide, bound{limit: 1.3, clearly: true}, "MISSED, the interval holds the bound", false},
		{wide, bound{limit: 0.9, clearly: true}, "MISSED", true},
		{wide, bound{limit: 1.8, atLeast: true}, "MISSED", true},
		{wide, bound{limit: 0.9, atLeast: true}, "kept", false},
	} {
		r := &report{out: io.Discard}
		r.ratio("figure", c.ratios, c.bound)
		if f := r.figures[0]; f.verdict != c.want || f.missed != c.missed || r.table() == c.missed {
			t.Errorf("%s: %q, missed %v", c.bound, f.verdict, f.missed)
		}
	}
}
