package serverengine

import (
	"fmt"
	"os"
	"sync"

	"github.com/serverengine/serverengine-go/actors"
)

// starting ends the process at a signal that means a stop, for as long as there is no
// engine that would obey it: the user's Source, or the look for an address, may hang. Signals
// of other meanings wait for the engine.
type starting struct {
	caught *actors.Caught
	caller *caller // nil in the foreground

	mu  sync.Mutex
	pid *pidFile // to be removed; nil = none
}

func beginStart(caught *actors.Caught, c *caller) *starting {
	s := &starting{caught: caught, caller: c}
	caught.Early(s.giveUp)
	return s
}

// has says that there is a pid file.
func (s *starting) has(pid *pidFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid = pid
}

// over says that somebody else has the pid file and obeys signals from now on.
func (s *starting) over() {
	s.has(nil)
	s.caught.Early(nil)
}

// giveUp ends the process as a stop does that was asked for.
func (s *starting) giveUp(signal string) {
	s.mu.Lock() // for good: nobody goes on with the start
	why := fmt.Errorf("signal %s: it has ended before it was ready", signal)
	if s.caller != nil {
		s.caller.tell(why, 0)
	} else {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), why)
	}
	_ = s.pid.remove() // there is no log yet that could tell
	os.Exit(0)
}
