package main

import (
	"math"
	"slices"
	"time"
)

// median is the middle value; of an even number, the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// interval is a 95 % confidence interval of the median by order statistics: it assumes
// nothing of the distribution but that the values are independent. With fewer than six
// values it is all of them.
func interval(values []float64) (low, high float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	k := rank(len(sorted))
	return sorted[k], sorted[len(sorted)-1-k]
}

// rank is the index of the interval's lower end in n sorted values: the largest k so that
// at most k of n tosses of a coin are heads with a probability of 2.5 % or less.
func rank(n int) int {
	const tail = 0.025
	k, sum := 0, binomial(n, 0)
	for sum+binomial(n, k+1) <= tail {
		k++
		sum += binomial(n, k)
	}
	return k
}

// binomial is the probability of k heads in n tosses of a coin.
func binomial(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c - float64(n)*math.Ln2)
}

// percentile is the smallest value that at least the share p of all values does not exceed.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := int(math.Ceil(p*float64(len(sorted)))) - 1
	return sorted[min(max(at, 0), len(sorted)-1)]
}

// pairs are measurements of two sides, taken in turn: ours[i] beside floor[i].
type pairs struct{ ours, floor []float64 }

// ratios are ours over the floor's, pair by pair.
func (p *pairs) ratios() []float64 {
	r := make([]float64, len(p.ours))
	for i := range r {
		r[i] = p.ours[i] / p.floor[i]
	}
	return r
}

// means joins so many pairs at a time to one.
func (p *pairs) means(n int) *pairs {
	m := &pairs{}
	for i := 0; i+n <= len(p.ours); i += n {
		m.ours, m.floor = append(m.ours, mean(p.ours[i:i+n])), append(m.floor, mean(p.floor[i:i+n]))
	}
	return m
}

// interleave measures n pairs. Which side goes first alternates, so that a drift of the
// machine's speed favours neither.
func interleave(n int, ours, floor func() (float64, error)) (*pairs, error) {
	p := &pairs{}
	sides := []struct {
		measure func() (float64, error)
		into    *[]float64
	}{{ours, &p.ours}, {floor, &p.floor}}
	for range n {
		for _, side := range sides {
			v, err := side.measure()
			if err != nil {
				return nil, err
			}
			*side.into = append(*side.into, v)
		}
		slices.Reverse(sides)
	}
	return p, nil
}

// milliseconds is a duration as a number.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
