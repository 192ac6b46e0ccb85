package supervisor

import (
	"container/heap"
	"time"
)

// agenda says which slot to look at next, and when. An appointment that is no longer true
// is harmless: whoever looks finds nothing due. So nothing is ever removed from it early.
type agenda struct {
	h appointments
}

type appointment struct {
	at   time.Time
	slot *slot
}

// at makes an appointment for s and returns its time.
func (a *agenda) at(t time.Time, s *slot) time.Time {
	heap.Push(&a.h, appointment{at: t, slot: s})
	return t
}

// due takes the first slot with an appointment not after now, or nil.
func (a *agenda) due(now time.Time) *slot {
	if len(a.h) == 0 || a.h[0].at.After(now) {
		return nil
	}
	return heap.Pop(&a.h).(appointment).slot
}

// first is the time of the first appointment; zero = none.
func (a *agenda) first() time.Time {
	if len(a.h) == 0 {
		return time.Time{}
	}
	return a.h[0].at
}

type appointments []appointment

func (h appointments) Len() int { return len(h) }
func (h appointments) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].slot.id < h[j].slot.id // slots that are due together start in their order
	}
	return h[i].at.Before(h[j].at)
}
func (h appointments) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *appointments) Push(x any)   { *h = append(*h, x.(appointment)) }
func (h *appointments) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = appointment{}
	*h = old[:len(old)-1]
	return last
}
