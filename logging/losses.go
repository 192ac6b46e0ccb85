package logging

import (
	"sync"
	"time"
)

// LossInterval is how often Losses tell at most.
const LossInterval = 10 * time.Second

// Losses counts what is lost, and tells of it without filling the log: of the first at
// once, of what follows in sums. Any number of goroutines may use it.
type Losses struct {
	tell func(n uint64, why string)

	mu    sync.Mutex
	n     uint64 // not told yet
	why   string // of the last one
	timer *time.Timer
}

// NewLosses returns Losses that are told by tell, which any goroutine may call.
func NewLosses(tell func(n uint64, why string)) *Losses { return &Losses{tell: tell} }

// Add counts n losses.
func (l *Losses) Add(n uint64, why string) {
	l.mu.Lock()
	l.n, l.why = l.n+n, why
	quiet := l.timer != nil
	if !quiet && l.n > 0 {
		l.timer = time.AfterFunc(LossInterval, l.due)
	}
	l.mu.Unlock()
	if !quiet {
		l.Flush()
	}
}

// due ends the time in which nothing is told; another begins if there is something to tell.
func (l *Losses) due() {
	l.mu.Lock()
	l.timer = nil
	why := l.why
	l.mu.Unlock()
	l.Add(0, why)
}

// Flush tells at once what was not told yet: for the end of whoever counts.
func (l *Losses) Flush() {
	l.mu.Lock()
	n, why := l.n, l.why
	l.n = 0
	l.mu.Unlock()
	if n > 0 {
		l.tell(n, why)
	}
}
