//go:build unix

package procbridge

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

func TestCrashInInit(t *testing.T) {
	clean(t)
	w, text := capture(t)
	c := play(t, "crash in init", withEnv(crashVar+"=1"), func(c *Command) { c.Stderr = w })
	c.wantExit(messages.ExitReturned, 2)
	if s := text(); !strings.Contains(s, "panic: crash in init") {
		t.Fatalf("its stderr is %q", s)
	}
}

func TestExitBeforeHello(t *testing.T) {
	clean(t)
	play(t, "exits before Hello").wantExit(messages.ExitReturned, 5)
}

func TestPanicIsAnExitWithItsTrace(t *testing.T) {
	clean(t)
	w, text := capture(t)
	c := play(t, "panics", func(c *Command) { c.Stderr = w })
	c.wantExit(messages.ExitReturned, 2)
	if s := text(); !strings.Contains(s, "panic: boom") {
		t.Fatalf("its stderr is %q", s)
	}
}

func TestWrongVersionIsRefusedWithBothVersions(t *testing.T) {
	clean(t)
	c := play(t, "wrong version")
	r, ok := c.event().(Refused)
	if !ok || r.Hello.Min != 7 || r.Hello.Max != 9 || r.Min != MinProtocol || r.Max != MaxProtocol {
		t.Fatalf("the event is %+v", r)
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestFirstFrameMustBeHello(t *testing.T) {
	clean(t)
	c := play(t, "no Hello")
	g, ok := c.event().(Garbage)
	if !ok || !strings.Contains(g.Err.Error(), "want Hello") {
		t.Fatalf("the event is %+v", g)
	}
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
}

func TestGarbageIsToldOnceAndNeverBlocksTheChild(t *testing.T) {
	clean(t)
	c := play(t, "garbage")
	c.hello()
	g, ok := c.event().(Garbage)
	if !ok || !strings.HasPrefix(string(g.First), "this is a debug print\n") || len(g.First) != garbageShown {
		t.Fatalf("the event is %+v", g)
	}
	if x, ok := c.event().(Exited); !ok || x.Exit.Code != 6 {
		t.Fatalf("after the garbage comes %+v", x)
	}
}

func TestBadBodyIsGarbage(t *testing.T) {
	clean(t)
	c := play(t, "bad body")
	c.hello()
	g, ok := c.event().(Garbage)
	if !ok || string(g.First) != "nope" {
		t.Fatalf("the event is %+v", g)
	}
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
}

func TestHalfAFrameThenSilence(t *testing.T) {
	clean(t)
	c := play(t, "half a frame")
	c.hello()
	from := c.LastSeen()
	eventually(t, "time passes", func() bool { return time.Since(from) > 200*time.Millisecond })
	if !c.LastSeen().Equal(from) {
		t.Fatal("half a frame counts as a sign of life")
	}
	c.Kill()
	if x, ok := c.event().(Exited); !ok || x.Exit.Signal != "KILL" {
		t.Fatalf("after half a frame comes %+v", x)
	}
}

func TestNewerTypesAreSkippedAndCounted(t *testing.T) {
	clean(t)
	c := play(t, "newer")
	c.hello()
	frame[messages.Ready](c)
	c.wantExit(messages.ExitReturned, 0)
	if n := c.Skipped(); n != 3 {
		t.Fatalf("%d frames were skipped", n)
	}
}

func TestClosedPipesOfALivingChild(t *testing.T) {
	clean(t)
	c := play(t, "closes its pipes")
	c.hello()
	if e := c.event(); e != (UpClosed{}) {
		t.Fatalf("the event is %+v", e)
	}
	eventually(t, "sending is refused", func() bool { return c.Send(graceful) != nil })
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
}

func TestFullStderrHoldsUpNeitherBeatsNorStop(t *testing.T) {
	clean(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	c := play(t, "fills stderr", func(c *Command) { c.Stderr = w })
	c.hello()
	from := c.LastSeen()
	eventually(t, "beats are seen", func() bool { return c.LastSeen().Sub(from) > 300*time.Millisecond })
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestIgnoredSignalsEndInKill(t *testing.T) {
	clean(t)
	c := play(t, "ignores signals")
	c.hello()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT} {
		if err := c.Signal(s); err != nil {
			t.Fatal(err)
		}
		if err := c.SignalGroup(s); err != nil {
			t.Fatal(err)
		}
	}
	c.Deliver(messages.Deliver{ID: 1})
	frame[messages.Reply](c) // it lives
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
}

func TestStoppedIsKilled(t *testing.T) {
	clean(t)
	c := play(t, "obedient")
	c.hello()
	c.Signal(syscall.SIGSTOP)
	eventually(t, "it is silent", func() bool { return time.Since(c.LastSeen()) > 500*time.Millisecond })
	c.Signal(syscall.SIGTERM) // waits until it runs again
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
}

func TestStoppedAndContinuedIsSeenAgain(t *testing.T) {
	clean(t)
	c := play(t, "obedient")
	c.hello()
	c.Signal(syscall.SIGSTOP)
	eventually(t, "it is silent", func() bool { return time.Since(c.LastSeen()) > 300*time.Millisecond })
	silent := c.LastSeen()
	c.Signal(syscall.SIGCONT)
	eventually(t, "it is seen again", func() bool { return c.LastSeen().After(silent) })
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestWedgedRuntimeDumpsAtQuit(t *testing.T) {
	clean(t)
	w, text := capture(t)
	c := play(t, "wedged runtime", withEnv("GODEBUG=asyncpreemptoff=1"), func(c *Command) { c.Stderr = w })
	c.hello()
	frame[messages.Ready](c)
	eventually(t, "it is silent", func() bool { return time.Since(c.LastSeen()) > 500*time.Millisecond })
	c.Send(graceful)
	c.Signal(syscall.SIGQUIT)
	c.wantExit(messages.ExitReturned, 2)
	if s := text(); !strings.Contains(s, "SIGQUIT: quit") || !strings.Contains(s, "goroutine ") {
		t.Fatalf("its stderr is %q", s)
	}
}

func TestGrandchildThatHoldsThePipesDiesWithTheGroup(t *testing.T) {
	clean(t)
	c := play(t, "holds the pipes")
	c.hello()
	pid := frame[messages.JobsDone](c).N
	c.wantExit(messages.ExitReturned, 4)
	eventually(t, "the grandchild is dead", func() bool { return !alive(pid) })
}

// A grandchild that left the group is out of reach; it must not hold up the news.
func TestGrandchildThatEscapedDelaysNothing(t *testing.T) {
	clean(t)
	c := play(t, "escapes")
	c.hello()
	pid := frame[messages.JobsDone](c).N
	c.wantExit(messages.ExitReturned, 4)
	if !alive(pid) {
		t.Fatal("the grandchild is dead: this test shows nothing")
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenStderrDoesNotKill(t *testing.T) {
	clean(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	c := play(t, "writes to nobody", func(c *Command) { c.Stdout, c.Stderr = w, w })
	w.Close()
	c.hello()
	frame[messages.Ready](c)
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}
