package supervisor

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// While a crash waits for its back-off there is no server to pass a restart to: the start
// that is waited for becomes the restart, at once and with the new program.
func TestSupervisorRestartsWorkersDuringABackoff(t *testing.T) {
	for _, mode := range []messages.Mode{messages.Graceful, messages.Immediate} {
		supervisorInBubble(t, func(o *SupervisorOptions) {
			o.Config.RestartBackoff, o.Config.RestartBackoffMax = time.Hour, time.Hour
		}, func(s *supervisorStage) {
			s.newServers(true, false)
			s.exit(1, killed)
			s.pass(s.options.Config.ServerRestartWait) // the first repair has no back-off
			s.exit(2, killed)
			s.pass(s.options.Config.ServerRestartWait)
			s.skip()
			s.send(messages.Restart{Mode: mode})
			s.pass(s.options.Config.ServerRestartWait)
			s.want("server 3 started as pid 1003")
			if n := s.server(3).image; n == 0 {
				t.Error("the new program was not taken")
			}
			s.ready(3)
			s.want("server 3 ready", mode.String()+" restart finished")
			if s.images.count() != 1 {
				t.Errorf("%d images are open for one server", s.images.count())
			}
			s.send(messages.Restart{Mode: mode}) // the next one is the server's again
			s.wantTold(3, mode.String()+" restart")
		})
	}
}

// What is asked for before the first server is started is done once it is.
func TestSupervisorKeepsCommandsUntilItCanObey(t *testing.T) {
	for name, c := range map[string]struct {
		m    any
		told []string
		want int // servers
	}{
		"restart":        {messages.Restart{Mode: messages.Graceful}, []string{"graceful restart"}, 1},
		"restart server": {RestartServer{Mode: messages.Immediate}, []string{"immediate stop"}, 2},
		"live restart":   {messages.LiveRestart{}, []string{"graceful stop"}, 2},
		"dump":           {messages.Dump{}, []string{"dump"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var hold chan struct{} // made in the bubble
			supervisorInBubble(t, func(o *SupervisorOptions) {
				hold = make(chan struct{})
				o.Images.(*fakeImages).set(nil, hold)
			}, func(s *supervisorStage) {
				s.send(c.m)
				s.images.set(nil, nil)
				close(hold)
				synctest.Wait()
				s.pass(time.Minute)
				s.wantTold(1, c.told...)
				s.wantStarted(c.want)
			})
		})
	}
}

// Each restart has an end of its own: that of another says nothing about its image.
func TestSupervisorTellsOverlappingRestartsApart(t *testing.T) {
	type end struct {
		n   int // of the restart
		why string
	}
	for name, c := range map[string]struct {
		ends []end
		want int // the restart whose image repairs the crash; 0 = none
	}{
		"the first is good, the second is not": {[]end{{1, ""}, {2, "not ready"}}, 1},
		"the first is good":                    {[]end{{1, ""}}, 1},
		"the second takes over":                {[]end{{1, superseded}, {2, ""}}, 2},
		"both are good":                        {[]end{{1, ""}, {2, ""}}, 2},
		"neither is":                           {[]end{{1, "not ready"}, {2, "not ready"}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			supervisorInBubble(t, nil, func(s *supervisorStage) {
				s.pass(time.Minute)
				s.send(messages.Restart{Mode: messages.Graceful})
				s.send(messages.Restart{Mode: messages.Immediate})
				for _, e := range c.ends {
					s.finishes(1, e.n, e.why)
				}
				s.skip()
				s.exit(1, killed)
				s.pass(time.Minute)
				want := 0
				if c.want > 0 {
					want = int(s.server(1).restarts[c.want-1].ID)
				}
				if got := s.server(2).image; got != want {
					t.Errorf("the crash is repaired with image %d, want %d", got, want)
				}
				if s.images.count() != 1 {
					t.Errorf("%d images are open for one server", s.images.count())
				}
			})
		})
	}
}

// What the replacement of a live restart has deployed already stays when it takes over.
func TestSupervisorKeepsWhatAReplacementDeployed(t *testing.T) {
	supervisorInBubble(t, nil, func(s *supervisorStage) {
		s.pass(time.Minute)
		s.newServers(true, false)
		s.send(messages.LiveRestart{})
		s.send(messages.Restart{Mode: messages.Graceful}) // both get it
		s.finishes(1, 1, "not ready")
		s.finishes(2, 1, "")
		want := int(s.server(2).restarts[0].ID)
		s.ready(2)
		s.exit(2, killed)
		s.pass(time.Minute)
		if got := s.server(3).image; got != want {
			t.Errorf("the crash is repaired with image %d, want %d", got, want)
		}
	})
}

// ends is what a fleet has said of restarts, as ID:reason.
func (w *world) ends() (all []string) {
	for _, e := range w.events {
		if e, ok := e.(messages.RestartFinished); ok {
			all = append(all, fmt.Sprintf("%d:%s", e.ID, e.Reason))
		}
	}
	return all
}

func (w *world) wantEnds(want ...string) {
	w.t.Helper()
	if got := w.ends(); !slices.Equal(got, want) {
		w.t.Fatalf("restarts ended: %q, want %q", got, want)
	}
}

func TestEachRestartHasOneEnd(t *testing.T) {
	p := testPolicy(1)
	p.rolling = true
	const graceful, immediate = messages.Graceful, messages.Immediate
	t.Run("a roll follows a roll", func(t *testing.T) {
		w := newWorld(t, p)
		w.step(begin{})
		w.readyAll()
		for id := range 4 {
			w.step(restart{mode: graceful, image: id + 2, id: uint64(id + 2)})
		}
		w.wantEnds("3:"+superseded, "4:"+superseded)
		w.ready(life1(0, 2))
		w.exit(life1(0, 3), killed)
		w.wantEnds("3:"+superseded, "4:"+superseded, "2:", "5:replacement 1.0.3: signal KILL (0 of 1 were replaced)")
	})
	t.Run("restarts of all", func(t *testing.T) {
		w := newWorld(t, p)
		w.step(begin{})
		w.readyAll()
		w.step(restart{mode: graceful, image: 2, id: 2})
		w.step(restart{mode: graceful, image: 3, id: 3})
		w.step(restart{mode: immediate, image: 4, id: 4})
		w.step(restart{mode: immediate, image: 5, id: 5})
		for _, inc := range w.list() {
			w.exit(inc, killed)
		}
		w.readyAll()
		w.wantEnds("2:"+superseded+" (0 of 1 were replaced)", "3:"+superseded, "4:"+superseded, "5:")
	})
}

// A restart that comes again before the server has begun takes the place of the first.
func TestServerRestartsDuringBeforeRun(t *testing.T) {
	hold := make(chan error)
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan error)
		o.Hooks.BeforeRun = func() error { return <-hold }
	}, func(s *serverStage) {
		s.send(messages.Restart{Mode: messages.Immediate, ID: 1})
		s.send(messages.Restart{Mode: messages.Graceful, ID: 2})
		s.want("immediate restart aborted: " + superseded)
		hold <- nil
		synctest.Wait()
		ends := probe.Of[messages.RestartFinished](s.probe.Messages())
		if len(ends) != 2 || ends[0].ID != 1 || ends[1].ID != 2 || ends[1].Reason != "" {
			t.Errorf("ends: %+v", ends)
		}
	})
}

// A restart of all does not wait for a slot that never comes back.
func TestRestartOfAllEndsWithoutTheSlotsThatAreGone(t *testing.T) {
	p := testPolicy(2)
	p.unrecoverable = []int{3}
	fewer := p
	fewer.workers = 1
	for name, gone := range map[string]func(*world){
		"ended":       func(w *world) { w.exit(life1(1, 2), code(3)) },
		"scaled away": func(w *world) { w.step(configure{fewer}) },
	} {
		w := newWorld(t, p)
		w.step(begin{})
		w.readyAll()
		w.step(restart{mode: messages.Graceful, id: 1})
		w.exit(life1(0, 1), code(0))
		w.exit(life1(1, 1), code(0))
		w.ready(life1(0, 2))
		if len(w.ends()) > 0 {
			t.Fatalf("%s: the restart has ended before its last slot is back", name)
		}
		gone(w)
		w.wantEnds("1:")
	}
}

// Soft replacements come one at a time also where the old worker ends first.
func TestSoftReplacementsTakeTurnsWithoutRolling(t *testing.T) {
	w := newWorld(t, testPolicy(3))
	w.step(begin{})
	w.readyAll()
	for slot := range 3 {
		w.step(recycle{inc: life1(slot, 1), why: "test"})
	}
	w.expect("0.1- 1.1+ 2.1+")
	w.exit(life1(0, 1), code(0))
	w.expect("1.1+ 2.1+ 0.2")
	w.ready(life1(0, 2))
	w.expect("1.1- 2.1+ 0.2+")
	w.step(configure{testPolicy(1)}) // the one that has the turn is not wanted any more
	w.step(configure{testPolicy(3)})
	w.step(recycle{inc: life1(0, 2), why: "test"})
	w.expect("1.1- 2.1- 0.2- 1.2 2.2")
	w.step(restart{mode: messages.Graceful, id: 1}) // takes the place of what waits
	for _, inc := range w.list() {
		w.exit(inc, code(0))
	}
	w.readyAll()
	w.wantEnds("1:")
}
