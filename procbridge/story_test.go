//go:build unix

package procbridge

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

var graceful = messages.Stop{Mode: messages.Graceful, Reason: "test"}

func TestObedientDoesWhatItIsTold(t *testing.T) {
	clean(t)
	c := play(t, "obedient")
	c.hello()
	frame[messages.Ready](c)
	if err := c.Send(messages.Reload{}); err != nil {
		t.Fatal(err)
	}
	if r := frame[messages.Requested](c); r.Command != (messages.Reload{}) {
		t.Fatalf("it got %v", r.Command)
	}
	if err := c.Deliver(messages.Deliver{ID: 9, Slot: 3, Type: "greeting", Body: []byte("hi")}); err != nil {
		t.Fatal(err)
	}
	if r := frame[messages.Reply](c); r.ID != 9 || r.Type != "greeting" || string(r.Body) != "hi" || r.Err != "" {
		t.Fatalf("the reply is %+v", r)
	}
	if err := c.Send(graceful); err != nil {
		t.Fatal(err)
	}
	frame[messages.Closing](c)
	c.wantExit(messages.ExitReturned, 0)
}

func TestBeatsMoveLastSeenAndAreNoEvents(t *testing.T) {
	clean(t)
	c := play(t, "obedient")
	c.hello()
	frame[messages.Ready](c)
	from := c.LastSeen()
	eventually(t, "beats are seen", func() bool { return c.LastSeen().Sub(from) > 200*time.Millisecond })
	c.Send(graceful)
	if f := c.event(); f != (Frame{messages.Closing{}}) {
		t.Fatalf("an event came for a beat: %+v", f)
	}
	c.wantExit(messages.ExitReturned, 0)
}

func TestMuteStaysUnseen(t *testing.T) {
	clean(t)
	c := play(t, "mute")
	c.hello()
	from := c.LastSeen()
	eventually(t, "time passes", func() bool { return time.Since(from) > 300*time.Millisecond })
	if seen := c.LastSeen(); !seen.Equal(from) {
		t.Fatalf("seen %s after its last frame", seen.Sub(from))
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestLifelineEndsTheChild(t *testing.T) {
	clean(t)
	c := play(t, "keeps its life-line")
	c.hello()
	c.CloseLifeline()
	c.wantExit(messages.ExitReturned, 7)
	if err := c.Send(graceful); !errors.Is(err, ErrClosed) {
		t.Fatalf("sending over a closed life-line: %v", err)
	}
}

func TestDeafIsKilled(t *testing.T) {
	clean(t)
	c := play(t, "deaf")
	c.hello()
	if err := c.Send(graceful); err != nil {
		t.Fatal(err)
	}
	if err := c.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if x := c.exit(); x.Cause != messages.ExitSignal || x.Signal != "TERM" || x.Code != 128+15 {
		t.Fatalf("it ended with %+v", x)
	}
}

// A child that never reads fills the pipe; whoever sends to it must not notice.
func TestSendingToWhoNeverReadsDoesNotWait(t *testing.T) {
	clean(t)
	c := play(t, "never reads")
	c.hello()
	for range 10000 {
		if err := c.Send(messages.Stop{Reason: strings.Repeat("x", 100)}); err != nil {
			t.Fatal(err)
		}
	}
	body := make([]byte, 1000)
	for n := 0; ; n++ {
		err := c.Deliver(messages.Deliver{Body: body})
		if errors.Is(err, ErrBusy) {
			if n < defaultUserQueue {
				t.Fatalf("busy after %d frames", n)
			}
			break
		}
		if err != nil || n > 2*defaultUserQueue {
			t.Fatalf("after %d frames: %v", n, err)
		}
	}
	if err := c.Flush(20 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("flush into a full pipe: %v", err)
	}
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
	if err := c.Flush(0); !errors.Is(err, ErrClosed) {
		t.Fatalf("flush to the dead: %v", err)
	}
}

func TestTooLargeIsTheSendersError(t *testing.T) {
	clean(t)
	c := play(t, "mute", func(c *Command) { c.MaxBody = 1000 })
	c.hello()
	if err := c.Deliver(messages.Deliver{Body: make([]byte, 1000)}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("user frame: %v", err)
	}
	if err := c.Send(messages.Stop{Reason: strings.Repeat("x", 1000)}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("control frame: %v", err)
	}
	if err := c.Send(messages.GetStatus{}); !errors.Is(err, ErrNotForWire) {
		t.Fatalf("a message that does not travel: %v", err)
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestChattyIsReadToItsEnd(t *testing.T) {
	clean(t)
	c := play(t, "chatty")
	c.hello()
	for k := range 20000 {
		if got := frame[messages.JobsDone](c); got.N != k {
			t.Fatalf("frame %d says %d", k, got.N)
		}
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestLastWordsAreReadBeforeExited(t *testing.T) {
	clean(t)
	c := play(t, "last words")
	eventually(t, "it is dead before anybody reads", func() bool { return c.Signal(syscall.SIGCONT) != nil })
	c.hello()
	for k := range 1000 {
		if got := frame[messages.JobsDone](c); got.N != k {
			t.Fatalf("frame %d says %d", k, got.N)
		}
	}
	c.wantExit(messages.ExitReturned, 0)
}

func TestFullConsumerAnswersAskAndDropsTell(t *testing.T) {
	clean(t)
	c := play(t, "slow consumer", func(c *Command) { c.UserQueue = 8 })
	c.hello()
	deliver := func(id uint64) {
		t.Helper()
		if err := c.Deliver(messages.Deliver{ID: id}); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(patience); err != nil {
			t.Fatal(err)
		}
	}
	for range 8 + 3 {
		deliver(0)
	}
	deliver(77)
	if r := frame[messages.Reply](c); r.ID != 77 || r.Err != BusyReply {
		t.Fatalf("the reply is %+v", r)
	}
	c.Send(messages.Dump{})
	if kept := frame[messages.JobsDone](c); kept.N != 8 {
		t.Fatalf("%d were kept", kept.N)
	}
	if dropped := frame[messages.JobsDone](c); dropped.N != 3 {
		t.Fatalf("%d were dropped", dropped.N)
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestTheDeadTakeNothing(t *testing.T) {
	clean(t)
	c := play(t, "mute")
	c.hello()
	c.Kill()
	c.wantExit(messages.ExitSignal, 128+9)
	if err := c.Send(graceful); !errors.Is(err, ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if err := c.Deliver(messages.Deliver{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Deliver: %v", err)
	}
	for name, err := range map[string]error{
		"Signal": c.Signal(syscall.SIGTERM), "SignalGroup": c.SignalGroup(syscall.SIGTERM), "Kill": c.Kill(),
	} {
		if !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.CloseLifeline()
}

// Whoever stops reading the events stops the child's talk, and neither its end nor its reap.
func TestUnreadEventsHoldUpNoReap(t *testing.T) {
	clean(t)
	c := play(t, "chatty")
	pid := c.Pid()
	eventually(t, "the events are full", func() bool { return len(c.Events()) == eventQueue })
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is reaped", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
	if n := len(c.Events()); n != eventQueue {
		t.Errorf("%d events wait: somebody has read", n)
	}
	c.wantExit(messages.ExitSignal, 128+9)
}
