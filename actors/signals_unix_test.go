//go:build unix

package actors

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// The tests here send signals to their own process and so are not parallel to others.

// raise sends this process a signal.
func raise(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}

// catching is the actor of signals with a table, under a probe.
func catching(t *testing.T, table messages.Signals) *probe.Probe {
	t.Helper()
	c, err := Catch(table)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	return probe.Start(t, probe.NewSystem(), NewSignals(c, quiet()))
}

func wantCommand(t *testing.T, p *probe.Probe, m messages.Command) {
	t.Helper()
	p.Wait(t, "the command "+m.String(), func(all []any) bool { return count(all, m) > 0 })
}

func TestSignalsBecomeCommands(t *testing.T) {
	p := catching(t, messages.DefaultSignals())
	for s, m := range map[syscall.Signal]messages.Command{
		syscall.SIGUSR2: messages.Reload{},
		syscall.SIGUSR1: messages.Restart{Mode: messages.Graceful},
		syscall.SIGHUP:  messages.Restart{Mode: messages.Immediate},
		syscall.SIGTTIN: messages.ScaleBy{Delta: +1},
		syscall.SIGTTOU: messages.ScaleBy{Delta: -1},
		syscall.SIGCONT: messages.Dump{},
		syscall.SIGTERM: messages.Stop{Mode: messages.Graceful, Reason: "TERM"},
		syscall.SIGQUIT: messages.Stop{Mode: messages.Immediate, Reason: "QUIT"},
	} {
		raise(t, s)
		wantCommand(t, p, m)
		if n := count(p.Messages(), m); n != 1 {
			t.Errorf("%s came %d times", s, n)
		}
	}
}

// Below the top, what concerns the whole tree is a wish.
func TestSignalsBelowTheTopAreWishes(t *testing.T) {
	c, err := Catch(messages.DefaultSignals())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	p := probe.Start(t, probe.NewSystem(), NewWishes(c, quiet()))
	for s, m := range map[syscall.Signal]any{
		syscall.SIGUSR1: messages.Requested{Command: messages.Restart{Mode: messages.Graceful}},
		syscall.SIGTTIN: messages.Requested{Command: messages.ScaleBy{Delta: +1}},
		syscall.SIGCONT: messages.Dump{},
		syscall.SIGTERM: messages.Stop{Mode: messages.Graceful, Reason: "TERM"},
	} {
		raise(t, s)
		p.Wait(t, "the message of "+s.String(), func(all []any) bool { return count(all, m) == 1 })
	}
}

func TestSignalInterruptSaysWhetherItWasTyped(t *testing.T) {
	p := catching(t, messages.DefaultSignals())
	raise(t, syscall.SIGINT)
	wantCommand(t, p, messages.Interrupt{Terminal: AtTerminal()})
}

// Signals that come before anybody listens wait.
func TestSignalsThatComeEarlyWait(t *testing.T) {
	c, err := Catch(messages.DefaultSignals())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	raise(t, syscall.SIGUSR2)
	raise(t, syscall.SIGTERM)
	p := probe.Start(t, probe.NewSystem(), NewSignals(c, quiet()))
	wantCommand(t, p, messages.Reload{})
	wantCommand(t, p, messages.Stop{Mode: messages.Graceful, Reason: "TERM"})
}

// A flood of one signal neither drops another nor is itself lost. The system merges
// signals that are not delivered yet, so fewer may arrive than were sent.
func TestSignalsOfAFlood(t *testing.T) {
	const flood = 1000
	p := catching(t, messages.DefaultSignals())
	for n := range flood {
		raise(t, syscall.SIGUSR2)
		if n == flood/2 {
			raise(t, syscall.SIGTTIN)
			raise(t, syscall.SIGTERM)
		}
	}
	wantCommand(t, p, messages.Reload{})
	wantCommand(t, p, messages.ScaleBy{Delta: +1})
	wantCommand(t, p, messages.Stop{Mode: messages.Graceful, Reason: "TERM"})
	raise(t, syscall.SIGTTOU)
	wantCommand(t, p, messages.ScaleBy{Delta: -1})
	all := p.Messages()
	if n := count(all, messages.Reload{}); n > flood {
		t.Errorf("%d of %d arrived", n, flood)
	}
	for _, once := range []any{messages.ScaleBy{Delta: +1}, messages.ScaleBy{Delta: -1}} {
		if n := count(all, once); n != 1 {
			t.Errorf("%v came %d times", once, n)
		}
	}
}

func TestSignalsOfAnUnknownNameAreRefused(t *testing.T) {
	_, err := Catch(messages.Signals{"NOSUCH": messages.Dump{}})
	if err == nil || !strings.Contains(err.Error(), "NOSUCH") {
		t.Errorf("%v, want an error that names it", err)
	}
}

func TestSignalsOfAnEmptyTable(t *testing.T) {
	c, err := Catch(nil) // package signal would catch them all
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	raise(t, syscall.SIGCONT)
	select {
	case name := <-c.Names():
		t.Errorf("caught %s", name)
	default:
	}
}

// After Release a signal means what it means to the system.
func TestSignalsAreGivenBack(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=release")
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%v, want death by TERM", err)
	}
	if status := exit.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("%v, want death by TERM", err)
	}
}

func init() {
	roles["release"] = func() error {
		c, err := Catch(messages.DefaultSignals())
		if err != nil {
			return err
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		if name := <-c.Names(); name != "TERM" {
			return errors.New("caught " + name)
		}
		c.Release()
		c.Release() // does nothing
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-time.After(time.Minute) // it does not live so long
		return errors.New("the signal was not given back")
	}
}
