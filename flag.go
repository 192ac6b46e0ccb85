package serverengine

import (
	"sync"
	"time"
)

// BlockingFlag is the seed's flag that a loop waits on, for those who port code. New code
// is better served by a context and Sleep. The zero value is ready and not set.
type BlockingFlag struct {
	mu  sync.Mutex
	set bool
	ch  chan struct{} // closed by the next change
}

// Set sets the flag and reports whether that changed it.
func (f *BlockingFlag) Set() bool { return f.change(true) }

// Reset clears the flag and reports whether that changed it.
func (f *BlockingFlag) Reset() bool { return f.change(false) }

func (f *BlockingFlag) change(to bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set == to {
		return false
	}
	f.set = to
	if f.ch != nil {
		close(f.ch)
		f.ch = nil
	}
	return true
}

// IsSet reports whether the flag is set.
func (f *BlockingFlag) IsSet() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.set
}

// WaitForSet waits until the flag is set, at most timeout (negative: for ever), and
// reports whether it is.
func (f *BlockingFlag) WaitForSet(timeout time.Duration) bool { return f.wait(true, timeout) }

// WaitForReset is WaitForSet for a cleared flag. It reports whether the flag is cleared.
func (f *BlockingFlag) WaitForReset(timeout time.Duration) bool {
	return !f.wait(false, timeout)
}

// wait returns the flag as it was last seen.
func (f *BlockingFlag) wait(want bool, timeout time.Duration) bool {
	var over <-chan time.Time
	if timeout >= 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		over = timer.C
	}
	for {
		f.mu.Lock()
		if f.set == want {
			f.mu.Unlock()
			return want
		}
		if f.ch == nil {
			f.ch = make(chan struct{})
		}
		changed := f.ch
		f.mu.Unlock()
		select {
		case <-changed:
		case <-over:
			return f.IsSet()
		}
	}
}
