package workers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

func TestReadyByRunAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(Code{New: Func(untilStopped)})
		pass(t, second-1)
		if s.isReady() {
			t.Error("ready before worker_ready_after")
		}
		pass(t, 1)
		if !s.isReady() {
			t.Error("not ready after worker_ready_after")
		}
		s.stop(&StopCause{})
	})
}

func TestReadyByCallOnlyWhenSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(Code{Readiness: ByCall, New: Func(func(ctx context.Context, self *Self) error {
			work(3600 * second)
			self.Ready()
			self.Ready()
			return untilStopped(ctx, self)
		})})
		pass(t, 3599*second)
		if s.isReady() {
			t.Error("ready before it said so")
		}
		pass(t, second)
		if n := len(s.events()); n != 1 || !s.isReady() {
			t.Errorf("said %v", s.events())
		}
		s.stop(&StopCause{})
	})
}

// A Run that is through before worker_ready_after was ready; one that failed was not.
func TestReadyWhenRunReturns(t *testing.T) {
	for _, c := range []struct {
		err       error
		readiness Readiness
		want      bool
	}{{nil, ByRun, true}, {errors.New("no"), ByRun, false}, {nil, ByCall, false}} {
		synctest.Test(t, func(t *testing.T) {
			s := begin(Code{Readiness: c.readiness, New: Func(func(context.Context, *Self) error { return c.err })})
			pass(t, 2*second)
			if s.isReady() != c.want {
				t.Errorf("%+v: ready %t", c, s.isReady())
			}
		})
	}
}

func TestHowALifeEnds(t *testing.T) {
	stop := &StopCause{Reason: "enough"}
	for _, c := range []struct {
		name string
		run  func(context.Context, *Self) error
		stop bool // it is told to
		want messages.Exit
	}{
		{"returns", func(context.Context, *Self) error { return nil }, false, messages.Exit{Cause: messages.ExitReturned}},
		{"fails", func(context.Context, *Self) error { return errors.New("x") }, false, messages.Exit{Cause: messages.ExitError, Code: 1, Detail: "x"}},
		{"exit code", func(context.Context, *Self) error { return fmt.Errorf("y: %w", &ExitError{Code: 7}) }, false, messages.Exit{Cause: messages.ExitReturned, Code: 7}},
		{"code and error", func(context.Context, *Self) error { return &ExitError{7, errors.New("z")} }, false, messages.Exit{Cause: messages.ExitReturned, Code: 7, Detail: "z"}},
		{"code of no process", func(context.Context, *Self) error { return &ExitError{256, errors.New("z")} }, false, messages.Exit{Cause: messages.ExitReturned, Code: 255, Detail: "z; ExitError has code 256, use 0 to 255"}},
		{"code below zero", func(context.Context, *Self) error { return &ExitError{Code: -1} }, false, messages.Exit{Cause: messages.ExitReturned, Code: 255, Detail: "ExitError has code -1, use 0 to 255"}},
		{"panics", func(context.Context, *Self) error { panic("boom") }, false, messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "boom"}},
		{"Goexit", func(context.Context, *Self) error { runtime.Goexit(); return nil }, false, messages.Exit{Cause: messages.ExitPanic, Code: 2, Detail: "the worker's goroutine was ended by runtime.Goexit"}},
		{"stopped", untilStopped, true, messages.Exit{Cause: messages.ExitReturned}},
		{"stopped, says so", func(ctx context.Context, _ *Self) error { <-ctx.Done(); return ctx.Err() }, true, messages.Exit{Cause: messages.ExitReturned}},
		{"stopped, gives the cause", func(ctx context.Context, _ *Self) error {
			<-ctx.Done()
			return fmt.Errorf("end: %w", context.Cause(ctx))
		}, true, messages.Exit{Cause: messages.ExitReturned}},
		{"fails while it stops", func(ctx context.Context, _ *Self) error { <-ctx.Done(); return errors.New("x") }, true, messages.Exit{Cause: messages.ExitError, Code: 1, Detail: "x"}},
		// A context that somebody else has cancelled is a failure like any other.
		{"foreign context", func(context.Context, *Self) error { return context.Canceled }, false, messages.Exit{Cause: messages.ExitError, Code: 1, Detail: "context canceled"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := begin(Code{New: Func(c.run)})
			synctest.Wait()
			if c.stop {
				s.stop(stop)
				synctest.Wait()
			}
			got := s.exit(t)
			if fmt.Sprint(got) != fmt.Sprint(c.want) || got.Code != c.want.Code || got.Cause != c.want.Cause {
				t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
			}
			if !c.stop && context.Cause(s.ctx).Error() != "stopped: Run has returned" {
				t.Errorf("%s: its context is left with %v", c.name, context.Cause(s.ctx))
			}
		})
	}
}

func TestWorkerThatIsNone(t *testing.T) {
	for want, code := range map[string]Code{
		"App.Worker is nil":             {},
		"returned nil and no error":     {New: func(*Self) (Worker, error) { return nil, nil }},
		"make the worker: not possible": {New: func(*Self) (Worker, error) { return nil, errors.New("not possible") }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := begin(code)
			synctest.Wait()
			if e := s.exit(t); e.Cause != messages.ExitError || !strings.Contains(e.Detail, want) {
				t.Errorf("%+v, want %q", e, want)
			}
		})
	}
}

// full has every method a worker can have.
type full struct {
	reload  func(config.Config) error
	stopped int
	receive func(any) (any, error)
}

func (f *full) Run(ctx context.Context, self *Self) error             { return untilStopped(ctx, self) }
func (f *full) Reload(_ context.Context, cfg config.Config) error     { return f.reload(cfg) }
func (f *full) Stop()                                                 { f.stopped++ }
func (f *full) Dump(w io.Writer)                                      { fmt.Fprint(w, "mine"); panic("in Dump") }
func (f *full) Receive(_ context.Context, m any) (reply any, e error) { return f.receive(m) }

func (f *full) code() Code { return Code{New: func(*Self) (Worker, error) { return f, nil }} }

// Configurations that arrive while Reload runs are one call afterwards, with the newest;
// old ones are dropped.
func TestReloadsCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []int
		f := &full{}
		f.reload = func(cfg config.Config) error {
			seen = append(seen, cfg.Workers)
			work(second)
			if cfg.Workers == 4 {
				return errors.New("not four")
			}
			return nil
		}
		s := begin(f.code())
		s.configure(sized(2), 2, true)
		synctest.Wait()
		s.configure(sized(3), 3, true)
		s.configure(sized(4), 4, true)
		s.configure(sized(9), 3, true) // comes late
		pass(t, 10*second)
		if fmt.Sprint(seen) != "[2 4]" {
			t.Errorf("Reload saw %v", seen)
		}
		if n := s.self.Config().Workers; n != 4 {
			t.Errorf("the configuration in force is %d", n)
		}
		want := []messages.Event{
			messages.ConfigSeen{Incarnation: s.self.incarnation, Version: 2},
			messages.ConfigSeen{Incarnation: s.self.incarnation, Version: 4, Err: "not four"},
		}
		var got []messages.Event
		for _, e := range s.events() {
			if e, ok := e.(messages.ConfigSeen); ok {
				got = append(got, e)
			}
		}
		if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
			t.Errorf("said %+v, want %+v", got, want)
		}
		s.stop(&StopCause{})
	})
}

func sized(n int) config.Config {
	cfg := config.Default()
	cfg.Workers = n
	return cfg
}

func TestReloadThatPanicsIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &full{reload: func(config.Config) error { panic("boom") }}
		s := begin(f.code())
		s.configure(sized(2), 2, true)
		synctest.Wait()
		if e := s.events()[0].(messages.ConfigSeen); e.Err != "panic in Reload: boom" {
			t.Errorf("said %+v", e)
		}
		if !strings.Contains(s.log(), "life_test.go") {
			t.Errorf("no stack in the log: %s", s.log())
		}
		s.configure(sized(3), 3, false) // a scale is seen without Reload
		synctest.Wait()
		if e := s.events()[1].(messages.ConfigSeen); e.Version != 3 || e.Err != "" {
			t.Errorf("said %+v", e)
		}
		s.stop(&StopCause{})
	})
}

// slowStop finishes its work in Stop, after Run has returned.
type slowStop struct{ finished *bool }

func (w slowStop) Run(ctx context.Context, self *Self) error { return untilStopped(ctx, self) }
func (w slowStop) Stop()                                     { work(7 * second); *w.finished = true }

// A worker has not ended before its Stop has returned, and the log tells when that takes long.
func TestEndWaitsForStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished bool
		s := begin(Code{New: func(*Self) (Worker, error) { return slowStop{&finished}, nil }})
		synctest.Wait()
		s.stop(&StopCause{})
		pass(t, 6*second)
		s.mu.Lock()
		exits, said := len(s.exits), s.out.String()
		s.mu.Unlock()
		if exits != 0 || !strings.Contains(said, "Stop has not") {
			t.Errorf("%d exits while Stop works; log: %s", exits, said)
		}
		pass(t, 2*second)
		if e := s.exit(t); !e.Ok() || !finished {
			t.Errorf("exit %s, Stop has finished: %t", e, finished)
		}
	})
}

// flagged ends by its Stop alone, as workers do that were written for a flag.
type flagged struct{ end chan struct{} }

func (w flagged) Run(context.Context, *Self) error { <-w.end; return nil }
func (w flagged) Stop()                            { close(w.end) }

// A stop that comes while the worker is being made is told to it too, once.
func TestStopDuringTheConstructor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := flagged{make(chan struct{})}
		s := begin(Code{New: func(*Self) (Worker, error) { work(5 * second); return w, nil }})
		pass(t, second)
		s.stop(&StopCause{Reason: "first"})
		s.stop(&StopCause{Reason: "second"})
		pass(t, 10*second)
		s.mu.Lock()
		ended := len(s.exits)
		s.mu.Unlock()
		if ended == 0 {
			close(w.end)
			t.Fatal("its Stop was not called")
		}
		if e := s.exit(t); !e.Ok() {
			t.Errorf("exit %s", e)
		}
	})
}

func TestStopIsToldOnceAndTheFirstCauseCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &full{}
		s := begin(f.code())
		synctest.Wait()
		s.stop(&StopCause{Reason: "first"})
		s.stop(&StopCause{Reason: "second"})
		synctest.Wait()
		var cause *StopCause
		if !errors.As(context.Cause(s.ctx), &cause) || cause.Reason != "first" {
			t.Errorf("cause %v", context.Cause(s.ctx))
		}
		if f.stopped != 1 {
			t.Errorf("Stop was called %d times", f.stopped)
		}
	})
}

func TestDumpThatPanicsKeepsWhatItWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin((&full{}).code())
		synctest.Wait()
		dir := t.TempDir()
		s.addToDump(dir)
		b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("sigdump-%d.log", os.Getpid())))
		if want := "\nworker 3, incarnation 1.3.2\nminepanic in Dump: in Dump\n"; err != nil || string(b) != want {
			t.Errorf("dump %q, %v", b, err)
		}
		s.stop(&StopCause{})
	})
}

func TestSelfTellsWhatAWorkerMayKnow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(Code{New: Func(untilStopped)}, func(c *config.Config) { c.SocketBacklog = 17 })
		self := s.self
		if self.ID() != 3 || self.Incarnation() != "1.3.2" {
			t.Errorf("worker %d, incarnation %s", self.ID(), self.Incarnation())
		}
		var port int
		if err := self.Shared("port", &port); err != nil || port != 80 {
			t.Errorf("shared %d, %v", port, err)
		}
		if err := self.Shared("host", &port); !errors.Is(err, ErrNotShared) {
			t.Errorf("shared: %v", err)
		}
		if err := self.Shared("port", &struct{ X int }{}); err == nil || !strings.Contains(err.Error(), `"port"`) {
			t.Errorf("shared: %v", err)
		}
		ln, err := self.Listen("tcp", "free")
		if err != nil || s.host.options[0].Backlog != 17 || s.host.options[0].Slot != 3 {
			t.Errorf("listen: %v, %+v", err, s.host.options)
		}
		if _, err := self.Listen("tcp", "taken"); err == nil || err.Error() != "worker 3: address already in use" {
			t.Errorf("listen: %v", err)
		}
		self.Engine().Send(messages.Restart{})
		if e := s.events(); len(e) != 1 || e[0] != messages.Event(messages.Requested{Command: messages.Restart{}}) {
			t.Errorf("said %v", e)
		}
		s.stop(&StopCause{})
		synctest.Wait()
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a listener of a stopped worker: %v", err)
		}
	})
}

// Beat speaks up at most ten times a second; Done speaks for itself, and beats only for a
// worker that has begun to.
func TestBeatsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(Code{New: Func(untilStopped)}, func(c *config.Config) { c.WorkerReadyAfter = 1000 * second })
		s.self.Done()
		for range 1000 {
			s.self.Beat()
			pass(t, second/1000)
		}
		beats, done := 0, 0
		for _, e := range s.events() {
			switch e.(type) {
			case messages.Progress:
				beats++
			case messages.JobsDone:
				done++
			}
		}
		if beats < 9 || beats > 11 || done != 1 {
			t.Errorf("%d beats and %d jobs in a second", beats, done)
		}
		s.stop(&StopCause{})
	})
}
