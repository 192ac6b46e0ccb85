//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// wanted is a mark that a step is about.
type wanted struct {
	kind   string
	from   string // whose; empty = anybody's
	saying string // value of one of its fields
	pid    string // "a new", "the same", "the server's", or empty
	times  int
	exact  bool          // not more than that
	spread time.Duration // from the first to the last of those who are wanted
	early  time.Duration // since the last action
}

func makeMark(w words) (action, error) {
	times := 1
	if n, err := strconv.Atoi(w["times"]); err == nil {
		times = n
	}
	want := wanted{
		kind: w["kind"], from: w["from"], saying: w["saying"], pid: w["pid"], times: times, exact: w["exactly"] != "",
		spread: w.limit("spread", 0), early: w.limit("early", 0),
	}
	limit := w.limit("within", patience)
	return func(p *play) error {
		var why error
		err := until(time.Until(p.acted.Add(limit)), func() (bool, error) {
			before, since, err := p.marks()
			if err != nil {
				return false, err
			}
			why = want.judge(p, before, since)
			return why == nil, nil
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("%w: %w", err, why)
		}
		if err != nil {
			return err
		}
		return want.timely(p)
	}, nil
}

// marks are those from before the last action, and those since.
func (p *play) marks() (before, since []mark, err error) {
	all, err := readMarks(p.path("marks"))
	if err != nil || len(all) < p.seen {
		return nil, nil, err
	}
	return all[:p.seen], all[p.seen:], nil
}

// judge says what is missing.
func (w wanted) judge(p *play, before, since []mark) error {
	whose := map[int]int{} // worker → marks
	for _, m := range since {
		if w.matches(m) && w.pidFits(p, m, before) {
			whose[m.worker]++
		}
	}
	for _, id := range w.ids(p) {
		if whose[id] < w.times {
			return fmt.Errorf("worker %d has %d marks", id, whose[id])
		}
	}
	total := 0
	for _, n := range whose {
		total += n
	}
	if n, ok := strings.CutSuffix(w.from, " workers"); ok && n != "all" {
		if need, _ := strconv.Atoi(n); len(whose) < need {
			return fmt.Errorf("%d workers have the mark", len(whose))
		}
	}
	if total < w.times || w.exact && total > w.times {
		return fmt.Errorf("%d marks", total)
	}
	return nil
}

// ids are the workers of whom each has to have the mark.
func (w wanted) ids(p *play) []int {
	if n, ok := strings.CutPrefix(w.from, "worker "); ok {
		id, _ := strconv.Atoi(n) // the pattern has digits only
		return []int{id}
	}
	var ids []int
	if w.from == "all workers" {
		for id := range p.workers() {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w wanted) matches(m mark) bool {
	if m.kind != w.kind {
		return false
	}
	if w.from == "the server" && m.worker >= 0 {
		return false
	}
	if n, ok := strings.CutPrefix(w.from, "worker "); ok && n != fmt.Sprint(m.worker) {
		return false
	}
	if w.saying == "" {
		return true
	}
	for name, v := range m.fields {
		if v == w.saying || name+"="+v == w.saying {
			return true
		}
	}
	return false
}

// pidFits compares with the last life of the same worker from before the action.
func (w wanted) pidFits(p *play, m mark, before []mark) bool {
	switch w.pid {
	case "":
		return true
	case "the server's":
		server, err := p.pidOf("the server")
		return err == nil && m.pid == server
	}
	last := 0
	for _, b := range before {
		if b.kind == m.kind && b.worker == m.worker {
			last = b.pid
		}
	}
	return (last == m.pid) == (w.pid == "the same")
}

// timely judges the times of the marks that are there.
func (w wanted) timely(p *play) error {
	_, since, err := p.marks()
	if err != nil {
		return err
	}
	var first, last time.Time
	for _, m := range since {
		if !w.matches(m) {
			continue
		}
		if first.IsZero() {
			first = m.at
		}
		last = m.at
	}
	if got := last.Sub(first); w.spread > 0 && got < w.spread {
		return fmt.Errorf("within only %s", got)
	}
	if got := first.Sub(p.acted); w.early > 0 && got < w.early {
		return fmt.Errorf("after only %s", got)
	}
	return nil
}

// makeBefore compares times: every mark of the one kind, since the last action, comes before
// every one of the other, if it is of the same worker or one of them is no worker's.
func makeBefore(w words) (action, error) {
	kind, other := w["kind"], w["other"]
	return func(p *play) error {
		return until(patience, func() (bool, error) {
			_, since, err := p.marks()
			if err != nil {
				return false, err
			}
			first, second := ofKind(since, kind), ofKind(since, other)
			for _, a := range first {
				for _, b := range second {
					apart := a.worker >= 0 && b.worker >= 0 && a.worker != b.worker
					if !apart && !a.at.Before(b.at) {
						return false, fmt.Errorf("%s of worker %d came %s later", kind, a.worker, a.at.Sub(b.at))
					}
				}
			}
			return len(first) > 0 && len(second) > 0, nil
		})
	}, nil
}

func ofKind(marks []mark, kind string) []mark {
	return slices.DeleteFunc(slices.Clone(marks), func(m mark) bool { return m.kind != kind })
}

// makeGaps compares the times between marks.
func makeGaps(w words) (action, error) {
	kind, least := w["kind"], w.limit("spread", 0)
	return func(p *play) error {
		_, since, err := p.marks()
		if err != nil {
			return err
		}
		var gaps []time.Duration
		marks := ofKind(since, kind)
		for i := 1; i < len(marks); i++ {
			gaps = append(gaps, marks[i].at.Sub(marks[i-1].at))
		}
		if len(gaps) < 2 || slices.Max(gaps)-slices.Min(gaps) < least {
			return fmt.Errorf("they are %v", gaps)
		}
		return nil
	}, nil
}

// makeNoMark looks at what is there, or for a while at what comes.
func makeNoMark(w words) (action, error) {
	want := wanted{kind: w["kind"], from: w["from"], saying: w["saying"]}
	hold := w.limit("hold", 0)
	return func(p *play) error {
		return p.holds(hold, func() error {
			_, since, err := p.marks()
			if err != nil {
				return err
			}
			for _, m := range since {
				if want.matches(m) {
					return fmt.Errorf("there is one: pid %d, worker %d, %v", m.pid, m.worker, m.fields)
				}
			}
			return nil
		})
	}, nil
}

// holds watches something that has to stay as it is.
func (p *play) holds(d time.Duration, check func() error) error {
	err := until(d, func() (bool, error) { return false, check() })
	if errors.Is(err, errNever) {
		return nil
	}
	return err
}
