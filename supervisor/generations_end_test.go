package supervisor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

func TestRestartServerProcess(t *testing.T) {
	for _, c := range []struct {
		mode messages.Mode
		mark string
	}{{messages.Graceful, "-"}, {messages.Immediate, "!"}} {
		t.Run(c.mode.String(), func(t *testing.T) {
			w := serving(t, nil)
			w.step(restartServer{mode: c.mode, image: 7})
			w.advance(time.Hour) // the old one first, however long it takes
			w.expect("1/0" + c.mark)
			w.exit(1, code(0))
			w.advance(0)
			w.expect("2/7")
			w.ready(2)
			if f := w.finishes(); len(f) != 1 || f[0] != (messages.RestartFinished{Mode: c.mode}) {
				t.Fatalf("reported: %v", f)
			}
		})
	}
}

func TestRestartServerProcessMayBecomeMoreUrgent(t *testing.T) {
	w := serving(t, nil)
	w.step(restartServer{mode: messages.Graceful, image: 7})
	w.step(restartServer{mode: messages.Immediate, image: 8})
	w.advance(time.Hour)
	w.expect("1/0!")
	w.exit(1, killed)
	w.advance(0)
	w.expect("2/8")
}

// Only the end of the server it replaces lets the new one start.
func TestRestartServerProcessBesideOneThatDrains(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.ready(2)
	w.step(restartServer{mode: messages.Graceful, image: 8})
	w.exit(1, code(0))
	w.advance(time.Minute)
	w.expect("2/7-")
	w.exit(2, code(0))
	w.advance(0)
	w.expect("3/8")
}

func TestRestartServerProcessSupersedesALiveRestart(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.step(restartServer{mode: messages.Graceful, image: 8})
	w.expect("1/0- 2/7!")
	w.exit(2, killed)
	w.expect("1/0-")
	w.exit(1, code(0))
	w.advance(time.Minute)
	w.expect("3/8")
}

func TestRestartServerProcessEndsABackoff(t *testing.T) {
	w := newGenWorld(t, testGenPolicy())
	w.step(begin{})
	for range 8 {
		w.exit(len(w.started), killed)
		w.advance(30 * time.Second)
	}
	w.exit(len(w.started), killed)
	w.advance(2 * time.Second)
	w.expect("")
	w.step(restartServer{mode: messages.Graceful, image: 7})
	w.expect("10/7")
}

// The end of an old server is no reason to try the new one sooner.
func TestBackoffIsNotEndedByAnOldServer(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.ready(2)
	for range 8 {
		w.exit(len(w.started), killed)
		w.advance(30 * time.Second)
	}
	w.exit(len(w.started), killed)
	w.advance(2 * time.Second)
	w.exit(1, code(0))
	w.advance(2 * time.Second)
	w.expect("")
	w.advance(30 * time.Second)
	w.expect("11/7")
}

// What the workers run after a deploy is what a crash of the server is repaired with.
func TestCrashAfterADeployDoesNotGoBack(t *testing.T) {
	w := serving(t, nil)
	w.step(genImage{number: 1, image: 5})
	w.exit(1, killed)
	w.advance(0)
	w.expect("2/5")
}

func TestUnrecoverableExitCodePassesThrough(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.restart.unrecoverable = []int{3} })
	w.live(7)
	w.ready(2)
	w.exit(2, code(4)) // another code is repaired
	w.advance(time.Minute)
	w.expect("1/0- 3/7")
	w.exit(3, code(3))
	w.expect("1/0-") // it may finish
	w.exit(1, code(0))
	if w.end == nil || w.end.exit.Code != 3 {
		t.Fatalf("end: %v", w.end)
	}
}

// A signal whose number is 3 is no exit code.
func TestUnrecoverableExitCodeIsNoSignal(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.restart.unrecoverable = []int{137} })
	w.exit(1, killed)
	w.advance(time.Second)
	w.expect("2/0")
}

// states are the situations that a stop may come in.
var states = []struct {
	name string
	make func(t *testing.T) *genWorld
}{
	{"starting", func(t *testing.T) *genWorld {
		w := newGenWorld(t, testGenPolicy())
		w.step(begin{})
		return w
	}},
	{"ready", func(t *testing.T) *genWorld { return serving(t, nil) }},
	{"back-off", func(t *testing.T) *genWorld {
		w := newGenWorld(t, testGenPolicy())
		w.step(begin{})
		w.exit(1, killed)
		return w
	}},
	{"replacement starting", func(t *testing.T) *genWorld {
		w := serving(t, nil)
		w.live(7)
		w.live(8)
		return w
	}},
	{"replacement due", func(t *testing.T) *genWorld {
		w := newGenWorld(t, testGenPolicy())
		w.step(begin{})
		w.ready(1)
		w.live(7)
		return w
	}},
	{"replacement being opened", func(t *testing.T) *genWorld {
		w := serving(t, nil)
		w.live(7)
		w.exit(2, code(1))
		w.now = w.g.wakeup()
		w.step(tick{})
		if w.asked != 1 {
			t.Fatal("nothing is opened")
		}
		return w
	}},
	{"replacement failed", func(t *testing.T) *genWorld {
		w := serving(t, nil)
		w.live(7)
		w.exit(2, code(1))
		return w
	}},
	{"old one draining", func(t *testing.T) *genWorld {
		w := serving(t, nil)
		w.live(7)
		w.ready(2)
		return w
	}},
	{"waiting for the old one", func(t *testing.T) *genWorld {
		w := serving(t, oldFirst)
		w.live(7)
		return w
	}},
	{"server process restarting", func(t *testing.T) *genWorld {
		w := serving(t, nil)
		w.step(restartServer{mode: messages.Graceful, image: 7})
		return w
	}},
}

func TestStopInEveryState(t *testing.T) {
	for _, s := range states {
		for _, mode := range []messages.Mode{messages.Graceful, messages.Immediate} {
			t.Run(s.name+" "+mode.String(), func(t *testing.T) {
				w := s.make(t)
				w.step(stopAll{mode: mode, reason: "test"})
				for _, n := range w.list() {
					if told := w.living[n].told; told == nil || told.Mode != mode {
						t.Fatalf("server %d was told %v", n, told)
					}
				}
				w.answer() // late news start nothing
				w.live(9)
				w.step(restartServer{image: 9})
				w.advance(time.Hour)
				if len(w.killed) > 0 {
					t.Fatal("a stop without stop_timeout kills")
				}
				w.step(stopAll{mode: messages.Immediate, reason: "again"})
				for _, n := range w.list() {
					if told := w.living[n].told; told.Mode != messages.Immediate {
						t.Fatalf("server %d was not told the second time", n)
					}
					w.exit(n, killed)
				}
				if w.end == nil || !w.end.exit.Ok() {
					t.Fatalf("end: %v", w.end)
				}
				if next := w.g.wakeup(); !next.IsZero() {
					t.Fatalf("after the end it wants to be woken at %s", next)
				}
			})
		}
	}
}

func TestStopTimeoutKillsWhatIsLeft(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.stopTimeout = 30 * time.Second })
	w.live(7)
	w.ready(2)
	w.step(graceful)
	w.advance(30*time.Second + actors.ServerMargin - 1)
	if len(w.killed) > 0 {
		t.Fatal("killed before the servers have killed their workers")
	}
	if w.said("info") < 5 {
		t.Fatalf("nobody says who is left: %v", w.remarks)
	}
	w.advance(1)
	slices.Sort(w.killed)
	if !slices.Equal(w.killed, []int{1, 2}) {
		t.Fatalf("killed: %v", w.killed)
	}
	last := w.remarks[len(w.remarks)-1]
	if !strings.Contains(last.text, "stop_timeout") {
		t.Fatalf("the reason is not shown: %v", last)
	}
}

// A drain that began before the stop keeps its limit, one that begins with it has
// stop_timeout.
func TestDrainTimeoutAndStop(t *testing.T) {
	w := serving(t, func(p *genPolicy) { p.drainTimeout = 20 * time.Second })
	w.live(7)
	w.ready(2)
	w.advance(10 * time.Second)
	w.step(graceful)
	w.advance(10 * time.Second)
	w.expect("1/0! 2/7-")
	w.advance(time.Hour)
	w.expect("1/0! 2/7-")
}

func TestNewsOfDeadServersChangesNothing(t *testing.T) {
	w := serving(t, nil)
	w.live(7)
	w.ready(2)
	w.exit(1, code(0))
	events := len(w.events)
	for _, in := range []any{genReady{1}, genStarted{1, 99}, genExited{1, killed}, genExited{99, killed}, genReady{99}, nextOpened{image: 12}} {
		w.step(in)
		w.expect("2/7+")
	}
	if len(w.events) != events {
		t.Fatalf("reported: %v", w.events[events:])
	}
	w.advance(time.Hour)
	w.expect("2/7+")
}

// An image is kept as long as a start may need it, and no longer.
func TestGenerationsNameTheImagesInUse(t *testing.T) {
	w := serving(t, nil)
	want := func(images ...int) {
		t.Helper()
		used := w.g.images()
		if len(used) != len(images) {
			t.Fatalf("in use: %v, want %v", used, images)
		}
		for _, n := range images {
			if !used[n] {
				t.Fatalf("in use: %v, want %v", used, images)
			}
		}
	}
	want(0)
	w.live(7)
	w.live(8)
	want(0, 7, 8)
	w.ready(2)
	want(0, 7, 8)
	w.exit(1, code(0))
	want(7, 8)
	w.advance(time.Second)
	w.exit(3, code(1))
	want(7) // the retry opens the path again
	w.step(restartServer{mode: messages.Immediate, image: 9})
	want(7, 9)
}
