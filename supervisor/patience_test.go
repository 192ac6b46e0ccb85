package supervisor

import (
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// An AfterRun that hangs is bounded by what the stop was bounded by, and until then people are
// told who is waited for.
func TestServerAfterRunThatHangs(t *testing.T) {
	const hang = time.Hour
	for name, c := range map[string]struct {
		timeout time.Duration // stop_timeout
		told    []messages.Stop
		ends    time.Duration // after the last worker; 0 = never
	}{
		"immediate stop":             {-1, []messages.Stop{immediateStop}, 2 * hookWait},
		"graceful, then immediate":   {-1, []messages.Stop{gracefulStop, immediateStop}, 2 * hookWait},
		"graceful":                   {-1, []messages.Stop{gracefulStop}, 0},
		"stop_timeout":               {time.Minute, []messages.Stop{gracefulStop}, time.Minute},
		"stop_timeout is over":       {0, []messages.Stop{gracefulStop}, 2 * hookWait},
		"stop_timeout and immediate": {time.Minute, []messages.Stop{immediateStop}, 2 * hookWait},
	} {
		t.Run(name, func(t *testing.T) {
			serverInBubble(t, 1, func(o *ServerOptions) {
				o.Config.StopTimeout = c.timeout
				o.Hooks.AfterRun = func() { <-time.After(hang) }
			}, func(s *serverStage) {
				s.newWorkers(false, true) // so that the first worker is still there for the second stop
				s.exit("1.0.1", 1)
				for _, stop := range c.told {
					s.send(stop)
				}
				if c.timeout != 0 { // else it has been killed
					s.exit("1.0.2", 0)
				}
				s.skip()
				if c.ends == 0 {
					s.pass(hang - 1)
					s.want()
					s.pass(1)
				} else {
					s.pass(c.ends - 1)
					s.want()
					s.pass(1)
				}
				s.want("server 1 exited: exit 0")
				if s.logged("waiting for AfterRun to end") == 0 {
					t.Error("nobody says what is waited for")
				}
				s.pass(hang)
			})
		})
	}
}

// A stop that waits for a BeforeRun that hangs is bounded by stop_timeout, and says so.
func TestServerStopTimeoutDuringBeforeRun(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) {
		o.Config.StopTimeout = 30 * time.Second
		o.Hooks.BeforeRun = func() error { <-time.After(time.Hour); return nil }
		o.Hooks.AfterRun = func() { panic("it is called") }
	}, func(s *serverStage) {
		s.pass(time.Minute)
		s.send(gracefulStop)
		s.pass(20 * time.Second)
		s.send(gracefulStop) // the deadline stays
		s.pass(10*time.Second - 1)
		s.want()
		if n := s.logged("waiting for BeforeRun to end"); n != 5 {
			t.Errorf("%d lines say what is waited for", n)
		}
		s.pass(1)
		s.want("server 1 exited: exit 0")
		s.pass(time.Hour)
		if s.started() != 0 || s.logged("stop_timeout is over: BeforeRun is not waited for") != 1 {
			t.Errorf("%d workers were started", s.started())
		}
	})
}

// A BeforeRun that ends in time is not held against the stop that has waited for it.
func TestServerStopForgetsABeforeRunThatEnded(t *testing.T) {
	hold := make(chan error)
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan error) // of this bubble
		o.Config.StopTimeout = time.Minute
		o.Hooks.BeforeRun = func() error { return <-hold }
	}, func(s *serverStage) {
		s.send(gracefulStop)
		s.pass(30 * time.Second)
		hold <- nil
		s.pass(time.Hour)
		s.want("server 1 exited: exit 0")
		if s.last(); s.logged("stop_timeout") != 0 {
			t.Error("the log says that it was too late")
		}
	})
}

// A stop that finds AfterRun running, since all workers had ended, is bounded too.
func TestServerStopTimeoutDuringAfterRun(t *testing.T) {
	serverInBubble(t, 1, func(o *ServerOptions) {
		o.Config.StopTimeout, o.Config.UnrecoverableExitCodes = 30*time.Second, []int{3}
		o.Hooks.AfterRun = func() { <-time.After(time.Hour) }
	}, func(s *serverStage) {
		s.exit("1.0.1", 3)
		s.pass(time.Minute)
		s.skip()
		s.send(gracefulStop)
		s.pass(30*time.Second - 1)
		s.want()
		s.pass(1)
		s.want("server 1 exited: exit 3")
		s.pass(time.Hour)
	})
}

// The hook of a stop is called again only for a stop that is more urgent.
func TestServerStopHookIsCalledOnceForEachMode(t *testing.T) {
	modes := make(chan messages.Mode, 10)
	serverInBubble(t, 1, func(o *ServerOptions) {
		modes = make(chan messages.Mode, 10) // of this bubble
		o.Hooks.Stop = func(m messages.Mode) { modes <- m }
	}, func(s *serverStage) {
		s.newWorkers(false, true)
		s.exit("1.0.1", 1)
		for _, stop := range []messages.Stop{gracefulStop, gracefulStop, immediateStop, immediateStop} {
			s.send(stop)
		}
		if n := len(modes); n != 2 {
			t.Errorf("it was called %d times", n)
		}
	})
}
