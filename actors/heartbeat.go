package actors

import (
	"fmt"
	"time"
)

// Watch says when a child's silence is too long.
type Watch struct {
	Interval        time.Duration // between two heartbeats
	Timeout         time.Duration // silence of the process; negative = never
	ProgressTimeout time.Duration // silence of its code, once it has used Beat; negative = never
}

// heartbeat is the mind that judges a child's silence. It looks four times per timeout, so
// that it also notices when this process itself was late: stopped, suspended or starved.
// Then nothing that was heard may be counted on, and the child gets a fresh interval.
type heartbeat struct {
	watch    Watch
	progress time.Time // last; zero = the child's code never said so
	doubt    time.Time // the silence is judged then; zero = none so far
	look     time.Time // the next look
}

func (h *heartbeat) begin(now time.Time, w Watch) {
	h.watch = w
	h.look = time.Time{}
	h.doubt = time.Time{}
	if p := h.period(); p > 0 {
		h.look = now.Add(p)
	}
}

// period is the time between two looks; 0 = never.
func (h *heartbeat) period() time.Duration {
	var p time.Duration
	for _, limit := range h.limits() {
		if limit >= 0 && (p == 0 || limit/4 < p) {
			p = max(limit/4, time.Millisecond)
		}
	}
	return p
}

func (h *heartbeat) limits() []time.Duration {
	if h.progress.IsZero() {
		return []time.Duration{h.watch.Timeout}
	}
	return []time.Duration{h.watch.Timeout, h.watch.ProgressTimeout}
}

// progressed notes that the child's code has said that it makes progress.
func (h *heartbeat) progressed(now time.Time) {
	first := h.progress.IsZero()
	h.progress = now
	if first {
		h.begin(now, h.watch)
	}
}

// judge looks at now at a child whose process was last heard at seen. It returns why the
// child is to be ended, or "".
func (h *heartbeat) judge(now, seen time.Time) string {
	if h.look.IsZero() || now.Before(h.look) {
		return ""
	}
	late := now.Sub(h.look)
	h.look = now.Add(h.period())
	if h.amnesty(late) {
		h.doubt = now.Add(h.grace())
		if !h.progress.IsZero() {
			h.progress = now
		}
		h.look = h.doubt
		return ""
	}
	why := h.silence(now, seen)
	switch {
	case why == "":
		h.doubt = time.Time{}
	case h.doubt.IsZero():
		h.doubt = now.Add(h.grace())
		h.look = h.doubt
	case !now.Before(h.doubt):
		return why
	default:
		h.look = h.doubt
	}
	return ""
}

// amnesty reports that this process was late itself.
func (h *heartbeat) amnesty(late time.Duration) bool {
	for _, limit := range h.limits() {
		if limit >= 0 && late > limit/2 {
			return true
		}
	}
	return false
}

// grace is the fresh interval between a first doubt and the verdict.
func (h *heartbeat) grace() time.Duration { return max(h.watch.Interval, 10*time.Millisecond) }

func (h *heartbeat) silence(now, seen time.Time) string {
	if t := h.watch.Timeout; t >= 0 && now.Sub(seen) > t {
		return fmt.Sprintf("no heartbeat for %s", now.Sub(seen).Round(time.Millisecond))
	}
	if t := h.watch.ProgressTimeout; t >= 0 && !h.progress.IsZero() && now.Sub(h.progress) > t {
		return fmt.Sprintf("no progress for %s", now.Sub(h.progress).Round(time.Millisecond))
	}
	return ""
}

func (h *heartbeat) next() time.Time { return h.look }
