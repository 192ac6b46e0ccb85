package main

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 1, 3}, 3},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
}

// TestRank compares with the table of the sign test at 5 %, two-sided.
func TestRank(t *testing.T) {
	for n, want := range map[int]int{1: 0, 5: 0, 6: 0, 8: 0, 9: 1, 12: 2, 20: 5, 50: 17, 100: 39} {
		if got := rank(n); got != want {
			t.Errorf("rank(%d) is %d, want %d", n, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	var values []float64
	for i := range 100 {
		values = append(values, float64(100-i))
	}
	if low, high := interval(values); low != 40 || high != 61 {
		t.Errorf("the interval of 1 to 100 is %v to %v, want 40 to 61", low, high)
	}
	if low, high := interval([]float64{7}); low != 7 || high != 7 {
		t.Errorf("the interval of one value is %v to %v", low, high)
	}
	if low, _ := interval(nil); !math.IsNaN(low) {
		t.Errorf("the interval of nothing begins at %v", low)
	}
}

func TestPercentile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 0.2: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := percentile(values, p); got != want {
			t.Errorf("percentile %v is %v, want %v", p, got, want)
		}
	}
}

// TestInterleave checks that both sides go first equally often.
func TestInterleave(t *testing.T) {
	order := ""
	side := func(name string, v float64) func() (float64, error) {
		return func() (float64, error) {
			order += name
			return v, nil
		}
	}
	p, err := interleave(3, side("o", 6), side("f", 3))
	if err != nil || order != "offoof" {
		t.Errorf("order %q, error %v", order, err)
	}
	if r := p.ratios(); len(r) != 3 || median(r) != 2 {
		t.Errorf("ratios %v, want three times 2", r)
	}
}
