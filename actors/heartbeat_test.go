package actors

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// beater steps a heartbeat as a proxy does, over a child that was last heard at seen.
type beater struct {
	h    heartbeat
	now  time.Time
	seen time.Time
}

func newBeater(w Watch) *beater {
	b := &beater{now: epoch, seen: epoch}
	b.h.begin(epoch, w)
	return b
}

// until looks whenever that is due, at most to t; it returns the verdict and stops there.
func (b *beater) until(t time.Time) string {
	for {
		next := b.h.next()
		if next.IsZero() || next.After(t) {
			b.now = t
			return ""
		}
		b.now = next
		if why := b.h.judge(b.now, b.seen); why != "" {
			return why
		}
	}
}

// slack is how long after its time-out a silence is noticed at the latest: a quarter of
// the shortest time-out in use until the next look, and the grace until the verdict.
func (b *beater) slack() time.Duration {
	w := b.h.watch
	short := w.Timeout
	if !b.h.progress.IsZero() && w.ProgressTimeout >= 0 && (short < 0 || w.ProgressTimeout < short) {
		short = w.ProgressTimeout
	}
	return short/4 + max(w.Interval, 10*time.Millisecond) + time.Millisecond
}

func TestHeartbeat(t *testing.T) {
	usual := Watch{Interval: time.Second, Timeout: 180 * time.Second, ProgressTimeout: 60 * time.Second}
	t.Run("silence is noticed in time", func(t *testing.T) {
		b := newBeater(usual)
		why := b.until(epoch.Add(time.Hour))
		if after := b.now.Sub(epoch); !strings.HasPrefix(why, "no heartbeat for 3m") || after <= 180*time.Second || after > 180*time.Second+b.slack() {
			t.Errorf("%q after %s", why, after)
		}
	})
	t.Run("never", func(t *testing.T) {
		b := newBeater(Watch{Interval: time.Second, Timeout: -1, ProgressTimeout: -1})
		if why := b.until(epoch.Add(time.Hour)); why != "" || !b.h.next().IsZero() {
			t.Errorf("%q, next look %v", why, b.h.next())
		}
	})
	t.Run("progress counts only once it was used", func(t *testing.T) {
		w := usual
		w.Timeout = -1
		b := newBeater(w)
		if why := b.until(epoch.Add(time.Hour)); why != "" {
			t.Errorf("unused: %q", why)
		}
		b.h.progressed(b.now)
		used := b.now
		why := b.until(used.Add(time.Hour))
		if after := b.now.Sub(used); !strings.HasPrefix(why, "no progress for 1m") || after > 60*time.Second+b.slack() {
			t.Errorf("used: %q after %s", why, after)
		}
	})
	t.Run("a live process without progress is noticed", func(t *testing.T) {
		b := newBeater(usual)
		b.h.progressed(epoch)
		for range 600 {
			b.seen = b.now
			if why := b.until(b.now.Add(time.Second)); why != "" {
				if after := b.now.Sub(epoch); after > 60*time.Second+b.slack() {
					t.Errorf("%q after %s", why, after)
				}
				return
			}
		}
		t.Error("not noticed")
	})
	t.Run("heard of between doubt and verdict", func(t *testing.T) {
		b := newBeater(usual)
		for b.h.doubt.IsZero() {
			if why := b.until(b.h.next()); why != "" {
				t.Fatal(why)
			}
		}
		b.seen = b.now.Add(time.Millisecond)
		if why := b.until(b.seen.Add(170 * time.Second)); why != "" {
			t.Errorf("%q although it was heard of", why)
		}
	})
}

// After a stop of this process, however long, a child that beats again within its interval
// is left alone, and one that does not is ended after that interval.
func TestHeartbeatAmnestyAfterOurOwnStop(t *testing.T) {
	w := Watch{Interval: time.Second, Timeout: 10 * time.Second, ProgressTimeout: 20 * time.Second}
	for _, stopped := range []time.Duration{6 * time.Second, 11 * time.Second, time.Hour} {
		for _, comesBack := range []bool{true, false} {
			b := newBeater(w)
			b.h.progressed(epoch)
			b.now = b.h.next().Add(stopped) // nobody looked meanwhile, and nobody read a frame
			if why := b.h.judge(b.now, b.seen); why != "" {
				t.Fatalf("stopped for %s: %q at once", stopped, why)
			}
			woken := b.now
			if comesBack {
				b.seen = woken.Add(time.Second / 2)
			}
			why := b.until(woken.Add(5 * time.Second))
			if comesBack && why != "" {
				t.Errorf("stopped for %s: %q although it beats again", stopped, why)
			}
			if !comesBack && (why == "" && stopped > w.Timeout || b.now.Sub(woken) < w.Interval) {
				t.Errorf("stopped for %s: %q %s after it, want the end of a dead child after one interval", stopped, why, b.now.Sub(woken))
			}
		}
	}
}

func TestHeartbeatChangesOfWatch(t *testing.T) {
	long := Watch{Interval: time.Second, Timeout: time.Hour, ProgressTimeout: -1}
	short := Watch{Interval: time.Second, Timeout: 4 * time.Second, ProgressTimeout: -1}
	b := newBeater(long)
	if why := b.until(epoch.Add(time.Minute)); why != "" {
		t.Fatal(why)
	}
	b.h.begin(b.now, short)
	changed := b.now
	if why := b.until(changed.Add(time.Minute)); why == "" || b.now.Sub(changed) > short.Timeout+b.slack() {
		t.Errorf("shorter: %q after %s", why, b.now.Sub(changed))
	}
	b = newBeater(short)
	b.h.begin(epoch.Add(time.Second), long)
	if why := b.until(epoch.Add(50 * time.Minute)); why != "" {
		t.Errorf("longer: %q", why)
	}
	b.h.begin(b.now, Watch{Interval: time.Second, Timeout: -1, ProgressTimeout: -1})
	if !b.h.next().IsZero() {
		t.Error("never: it looks all the same")
	}
}

// A child that speaks more often than its time-out is never ended, whenever we look; one
// that falls silent is, within the time-out and the slack; a look that is late by more
// than half a time-out ends nobody.
func TestHeartbeatUnderRandomTimes(t *testing.T) {
	for seed := range 2000 {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		ms := func(n int) time.Duration { return time.Duration(1+r.IntN(n)) * time.Millisecond }
		w := Watch{Interval: ms(500), Timeout: 600*time.Millisecond + ms(5000), ProgressTimeout: -1}
		if r.IntN(2) == 0 {
			w.ProgressTimeout = 600*time.Millisecond + ms(5000)
		}
		b := newBeater(w)
		for range 50 {
			if r.IntN(10) == 0 { // we were stopped
				b.now = b.h.next().Add(w.Timeout/2 + time.Duration(r.Int64N(int64(time.Hour))) + time.Millisecond)
				if why := b.h.judge(b.now, b.seen); why != "" {
					t.Fatalf("seed %d: %q at a late look", seed, why)
				}
			}
			b.seen = b.now
			if w.ProgressTimeout >= 0 && r.IntN(3) == 0 || !b.h.progress.IsZero() {
				b.h.progressed(b.now)
			}
			if why := b.until(b.now.Add(time.Duration(r.Int64N(int64(500 * time.Millisecond))))); why != "" {
				t.Fatalf("seed %d, %+v: %q although it speaks", seed, w, why)
			}
		}
		silent, limit := b.now, w.Timeout
		if !b.h.progress.IsZero() {
			limit = min(limit, w.ProgressTimeout)
		}
		if why := b.until(silent.Add(time.Hour)); why == "" || b.now.Sub(silent) > limit+b.slack() {
			t.Fatalf("seed %d, %+v: silence noticed after %s: %q", seed, w, b.now.Sub(silent), why)
		}
	}
}

// The child's code, too, gets a fresh time-out after a stop of this process by more than
// half of one: how it got on meanwhile is not known.
func TestHeartbeatAmnestyIsForProgressToo(t *testing.T) {
	w := Watch{Interval: time.Second, Timeout: 10 * time.Second, ProgressTimeout: 20 * time.Second}
	b := newBeater(w)
	b.h.progressed(epoch)
	for b.now.Sub(epoch) < 17*time.Second {
		b.seen = b.now
		if why := b.until(b.now.Add(time.Second)); why != "" {
			t.Fatal(why)
		}
	}
	b.now = b.h.next().Add(6 * time.Second)
	woken := b.now
	for b.now.Sub(woken) < 19*time.Second {
		if why := b.h.judge(b.now, b.now); why != "" {
			t.Fatalf("%q %s after we were stopped", why, b.now.Sub(woken))
		}
		b.now = b.h.next()
	}
}
