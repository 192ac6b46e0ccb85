package actors

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

var (
	gracefulStop  = messages.Stop{Mode: messages.Graceful, Reason: "test"}
	immediateStop = messages.Stop{Mode: messages.Immediate, Reason: "test"}
)

func TestProxyOfAnObedientChild(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.emit(procbridge.Frame{Event: messages.Hello{Min: 1, Max: 1, Pid: 4711}})
		s.emit(procbridge.Frame{Event: messages.Ready{}})
		s.emit(procbridge.Frame{Event: messages.JobsDone{N: 3}})
		s.pass(time.Hour)
		s.tell(gracefulStop)
		want := []any{
			ChildStarted{self, 4711}, ChildReady{self}, ChildSaid{self, messages.JobsDone{N: 3}},
		}
		if got := s.said(); !slices.Equal(got[:3], want) {
			t.Errorf("it said %v, want %v", got, want)
		}
		if e := s.exited(); !e.Exit.Ok() || e.Pid != 4711 {
			t.Errorf("exit %+v", e)
		}
		s.wantTold("1h0m0s frame graceful stop")
	})
}

// A child that hears nothing goes through the seed's whole ladder: 20 minutes.
func TestProxyLadderOfADeafChild(t *testing.T) {
	names := map[Step]string{
		StepStopFrame: "frame graceful stop", StepTerm: "TERM",
		StepImmediateFrame: "frame immediate stop", StepQuit: "QUIT", StepKill: "KILL",
	}
	var want []string
	for _, d := range timetable(seedLadder(), true, -1, 1200*time.Second) {
		want = append(want, d.at.String()+" "+names[d.step])
	}
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.begin()
		s.tell(gracefulStop)
		s.pass(21 * time.Minute)
		s.wantTold(want...)
		if e := s.exited(); e.Exit.Signal != "KILL" || e.Exit.Detail != "" {
			t.Errorf("exit %+v", e.Exit)
		}
	})
}

func TestProxyStopMayOnlyBecomeMoreUrgent(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.begin()
		s.tell(gracefulStop)
		s.pass(5 * time.Second)
		s.tell(immediateStop)
		s.pass(time.Second)
		s.tell(gracefulStop)
		s.tell(immediateStop)
		s.pass(10 * time.Second)
		s.tell(Kill{})
		s.wantTold("0s frame graceful stop", "5s frame immediate stop", "15s QUIT", "16s KILL")
		s.exited()
	})
}

func TestProxyOfAMuteChild(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.emit(procbridge.Frame{Event: messages.Ready{}})
		s.pass(time.Hour)
		s.child.mute()
		s.pass(227 * time.Second)
		e := s.exited()
		if !strings.HasPrefix(e.Exit.Detail, "no heartbeat for 3m") {
			t.Errorf("exit %+v", e.Exit)
		}
		if f := probe.Of[ChildFailing](s.said()); len(f) != 1 || f[0].Why != e.Exit.Detail {
			t.Errorf("failing: %v", f)
		}
	})
}

func TestProxyOfAChildWithoutProgress(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.emit(procbridge.Frame{Event: messages.Ready{}})
		s.pass(time.Hour)
		for range 100 {
			s.emit(procbridge.Frame{Event: messages.Progress{}})
			s.pass(50 * time.Second)
		}
		if probe.Of[ChildExited](s.said()) != nil {
			t.Fatal("ended although it makes progress")
		}
		s.pass(30 * time.Second)
		if e := s.exited(); !strings.HasPrefix(e.Exit.Detail, "no progress for 1m") {
			t.Errorf("exit %+v", e.Exit)
		}
	})
}

func TestProxyNewTimingIsInForceAtOnce(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.begin()
		s.tell(gracefulStop)
		s.pass(time.Second)
		short := seedOptions().Timing
		short.Ladder.GracefulTimeout, short.Ladder.ImmediateTimeout = 5*time.Second, 5*time.Second
		s.tell(short)
		s.pass(time.Minute)
		s.wantTold("0s frame graceful stop", "5s QUIT", "10s KILL")
	})
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.child.mute()
		short := seedOptions().Timing
		short.Watch.Timeout = 4 * time.Second
		s.tell(short)
		s.pass(7 * time.Second)
		s.exited()
	})
}

func TestProxyKillsWhoCantBeUnderstood(t *testing.T) {
	for name, c := range map[string]struct {
		event  procbridge.Event
		detail string
	}{
		"garbage": {procbridge.Garbage{First: []byte("panic: \x00"), Err: errors.New("bad magic")}, "it wrote what is no frame"},
		"refused": {procbridge.Refused{Hello: messages.Hello{Min: 7, Max: 9, Build: "other/1", Pid: 4711}, Min: 1, Max: 1}, "hello from pid 4711 (other/1, protocol 7 to 9), we speak 1 to 1: build both from one version"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, seedOptions(), deaf, func(s *stage) {
				s.begin()
				s.emit(c.event)
				s.wantTold("0s KILL")
				if e := s.exited(); e.Exit.Cause != messages.ExitRefused || e.Exit.Detail != c.detail {
					t.Errorf("exit %+v", e.Exit)
				}
			})
		})
	}
}

func TestProxyOfAChildThatClosesItsPipe(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		s.begin()
		s.emit(procbridge.Frame{Event: messages.Ready{}})
		s.emit(procbridge.UpClosed{})
		s.pass(11 * time.Minute)
		told := s.child.log()
		if told[0] != "0s QUIT" || told[1] != "10s QUIT" || told[len(told)-1] != "10m0s KILL" {
			t.Errorf("told %q", told)
		}
		if e := s.exited(); e.Exit.Detail != "it closed its pipe" || e.Exit.Cause != messages.ExitSignal {
			t.Errorf("exit %+v", e.Exit)
		}
	})
}

func TestProxyOfAStartThatFails(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.tell(gracefulStop)
		s.release <- errors.New("no such file")
		synctest.Wait()
		e := s.exited()
		if e.Pid != 0 || e.Exit.Cause != messages.ExitFailed || e.Exit.Code != 1 || e.Exit.Detail != "no such file" {
			t.Errorf("exit %+v", e)
		}
		s.tell(messages.Deliver{ID: 3})
		s.tell(gracefulStop)
		s.exited()
	})
}

// What is said while the process is being started is not lost.
func TestProxyIsToldWhileStarting(t *testing.T) {
	for name, c := range map[string]struct {
		told []any
		want []string
	}{
		"stop":          {[]any{gracefulStop}, []string{"0s frame graceful stop"}},
		"stop twice":    {[]any{immediateStop, gracefulStop}, []string{"0s frame immediate stop"}},
		"kill":          {[]any{gracefulStop, Kill{}}, []string{"0s KILL"}},
		"configuration": {[]any{messages.Configure{Version: 2, Cause: messages.CauseReload}, messages.Configure{Version: 3, Cause: messages.CauseScale}}, []string{"0s frame configuration 2 (reload)", "0s frame configuration 3 (scale)"}},
		"dump and stop": {[]any{messages.Dump{}, gracefulStop}, []string{"0s frame dump", "0s frame graceful stop"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, seedOptions(), obedient, func(s *stage) {
				for _, m := range c.told {
					s.tell(m)
				}
				s.pass(startGrace - 1)
				s.begin()
				s.wantTold(c.want...)
			})
		})
	}
}

// A start that hangs is waited for as long as the stop allows; a process that comes to exist
// after that is killed.
func TestProxyOfAStartThatHangs(t *testing.T) {
	noLimit := seedOptions()
	noLimit.Timing.Ladder.GracefulTimeout = -1
	for name, c := range map[string]struct {
		o    ProxyOptions
		told []any
		by   time.Duration // 0 = never
	}{
		"kill":                {seedOptions(), []any{Kill{}}, startGrace},
		"kill twice":          {seedOptions(), []any{gracefulStop, Kill{}, Kill{}}, startGrace},
		"disown":              {seedOptions(), []any{Disown{}, gracefulStop}, startGrace},
		"immediate":           {seedOptions(), []any{gracefulStop, immediateStop}, startGrace},
		"graceful":            {seedOptions(), []any{gracefulStop}, 600 * time.Second},
		"graceful, no limit":  {noLimit, []any{gracefulStop}, 0},
		"nobody has asked it": {seedOptions(), []any{messages.Dump{}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, c.o, deaf, func(s *stage) {
				for _, m := range c.told {
					s.tell(m)
				}
				if c.by == 0 {
					s.pass(24 * time.Hour)
					if n := len(s.said()); n > 0 {
						t.Errorf("it said %v", s.said())
					}
					return
				}
				s.pass(c.by - 1)
				if n := len(s.said()); n > 0 {
					t.Errorf("it gave up early and said %v", s.said())
				}
				s.pass(1)
				if e := s.exited(); e.Pid != 0 || e.Exit.Cause != messages.ExitFailed {
					t.Errorf("exit %+v", e)
				}
				s.begin()
				s.wantTold("0s KILL")
				s.exited()
			})
		})
	}
}

func TestProxyNewTimingWhileStarting(t *testing.T) {
	inBubble(t, seedOptions(), deaf, func(s *stage) {
		short := seedOptions().Timing
		short.Ladder.GracefulTimeout, short.Ladder.ImmediateTimeout = time.Second, time.Second
		s.tell(short)
		s.tell(gracefulStop)
		s.begin()
		s.pass(time.Minute)
		s.wantTold("0s frame graceful stop", "1s QUIT", "2s KILL")
	})
}

func TestProxyAnswersWhatItCantDeliver(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.tell(messages.Deliver{ID: 1})
		s.tell(messages.Deliver{})
		s.begin()
		s.tell(messages.Deliver{ID: 2, Slot: 0, Body: []byte("hi")})
		s.tell(gracefulStop)
		s.tell(messages.Deliver{ID: 3})
		var got []string
		for _, m := range probe.Of[ChildSaid](s.said()) {
			got = append(got, m.Event.(messages.Reply).Err)
		}
		if want := []string{"the worker is starting", "the worker has ended"}; !slices.Equal(got, want) {
			t.Errorf("replies %q, want %q", got, want)
		}
		if d := s.child.delivered; len(d) != 1 || d[0].ID != 2 {
			t.Errorf("delivered %v", d)
		}
	})
}

// What nobody waits for is counted, and so is a command that the child can't be given.
func TestProxyTellsWhatItCantDeliver(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	o := seedOptions()
	o.Log = log
	inBubble(t, o, deaf, func(s *stage) {
		s.begin()
		s.child.deliverErr = procbridge.ErrBusy
		for range 100 {
			s.tell(messages.Deliver{})
		}
		s.pass(logging.LossInterval)
		s.child.sendErr = procbridge.ErrTooLarge
		s.tell(messages.Configure{Version: 7})
		s.child.exit(exit0)
		s.pass(time.Second)
		var lost []any
		refused := 0
		for _, e := range hook.AllEntries() {
			switch {
			case strings.HasPrefix(e.Message, "messages to this process are lost: "+procbridge.ErrBusy.Error()):
				lost = append(lost, e.Data["lost"])
			case strings.HasPrefix(e.Message, "pass configuration 7") && e.Level == logrus.ErrorLevel:
				refused++
			}
		}
		if !slices.Equal(lost, []any{uint64(1), uint64(99)}) || refused != 1 {
			t.Errorf("lost %v, refused %d", lost, refused)
		}
	})
}

// An exit before the worker was ready is explained by what it printed last.
func TestProxyExplainsAnExitBeforeReady(t *testing.T) {
	lines := []string{"panic: no such table", "exit status 2"}
	for _, c := range []struct {
		name string
		pre  func(s *stage)
		want []string
	}{
		{"before ready", func(*stage) {}, lines},
		{"after ready", func(s *stage) { s.emit(procbridge.Frame{Event: messages.Ready{}}) }, nil},
		{"told to stop", func(s *stage) { s.tell(gracefulStop) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seedOptions()
			o.Tail = func() []string {
				time.Sleep(200 * time.Millisecond) // virtual: the output is still on its way
				return lines
			}
			inBubble(t, o, nil, func(s *stage) {
				s.begin()
				c.pre(s)
				s.child.exit(messages.Exit{Cause: messages.ExitReturned, Code: 2})
				synctest.Wait()
				s.tell(messages.Deliver{ID: 5})
				s.tell(gracefulStop)
				s.pass(time.Second)
				if e := s.exited(); e.Exit.Code != 2 || !slices.Equal(e.Exit.Tail, c.want) {
					t.Errorf("exit %+v", e.Exit)
				}
			})
		})
	}
}

func TestProxyPassesCommandsOn(t *testing.T) {
	inBubble(t, seedOptions(), obedient, func(s *stage) {
		s.begin()
		s.tell(messages.Configure{Version: 2, Cause: messages.CauseReload})
		s.tell(messages.Dump{})
		s.wantTold("0s frame configuration 2 (reload)", "0s frame dump")
		s.tell(gracefulStop)
		s.exited()
	})
}

// Started is told the pid of the process that counts, once.
func TestProxyTellsThePid(t *testing.T) {
	o := seedOptions()
	pids := make(chan int, 4)
	o.Started = func(pid int) { pids <- pid }
	inBubble(t, o, obedient, func(s *stage) {
		pids = make(chan int, 4) // of this bubble
		s.begin()
		s.tell(gracefulStop)
		if len(pids) != 1 || <-pids != 4711 {
			t.Error("Started was not told the pid once")
		}
	})
}

// keeper is a fake child that keeps a plain command.
type keeper struct{ *fakeChild }

func (keeper) Keeps() {}

// Of a keeper, the command's start, pid and exit are reported.
func TestProxyOfAKeeper(t *testing.T) {
	ended := messages.Exit{Cause: messages.ExitReturned, Code: 3}
	for _, c := range []struct {
		name   string
		events []messages.Event
		said   []any
		exit   ChildExited
	}{
		{"command ends", []messages.Event{messages.CommandStarted{Pid: 99}, messages.CommandExited{Exit: ended}},
			[]any{ChildStarted{self, 99}}, ChildExited{Incarnation: self, Pid: 99, Exit: ended}},
		{"keeper ends", []messages.Event{messages.CommandStarted{Pid: 99}},
			[]any{ChildStarted{self, 99}}, ChildExited{Incarnation: self, Pid: 99, Exit: exit0}},
		{"no command", nil, nil, ChildExited{Incarnation: self, Exit: exit0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := seedOptions()
			inBubble(t, o, obedient, func(s *stage) {
				s.keeps = true
				s.begin()
				for _, e := range c.events {
					s.emit(procbridge.Frame{Event: e})
				}
				s.child.exit(exit0)
				synctest.Wait()
				got := s.exited()
				if got.Pid != c.exit.Pid || got.Exit.Code != c.exit.Exit.Code {
					t.Errorf("exit %+v, want %+v", got, c.exit)
				}
				if all := s.said(); !slices.Equal(all[:len(all)-1], c.said) {
					t.Errorf("it said %v, want %v", all, c.said)
				}
			})
		})
	}
}
