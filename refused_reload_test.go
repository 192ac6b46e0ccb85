//go:build unix

package serverengine_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// R8: a bad file changes nothing, and its problems are named all at once.
func TestReloadOfABadFileChangesNothing(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n)
		before := tr.serving(n)
		tr.configure(keys{"message": "two", "workers": -1, "drain_wait": "soon"})
		tr.signal(syscall.SIGUSR2)
		r := tr.says("reload refused, the old configuration stays in force")
		for _, want := range []string{"workers", "-1", "drain_wait", "soon"} {
			if !strings.Contains(r.Msg, want) {
				t.Errorf("the refusal lacks %q: %s", want, r.line)
			}
		}
		if body := tr.mustGet("/"); field(body, "message") != "one" {
			t.Errorf("something of it is in force: %s", body)
		}
		tr.same(before)
		tr.silent("reloaded:")
	})
}

// R13: with disable_reload the signal reopens the log and nothing else.
func TestDisableReloadLeavesTheLog(t *testing.T) {
	eachType(t, func(t *testing.T, typ string, n int) {
		tr := serve(t, typ, n, keys{"disable_reload": true})
		tr.configure(keys{"message": "two"})
		tr.moveLog()
		tr.signal(syscall.SIGUSR2)
		tr.says("disable_reload is set")
		tr.logIsBack()
		if body := tr.mustGet("/"); field(body, "message") != "one" {
			t.Errorf("the configuration was loaded: %s", body)
		}
		tr.silent("reloaded:")
	})
}

// A new configuration with which nobody can work: a rolling restart is given up with the
// old workers serving, and the status says why.
func TestRestartIntoABrokenConfigurationIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHost(t, hostKeys("process", nil))
	before := h.ready(2)
	h.configure(keys{"message": "broken"})
	h.send(messages.Restart{Mode: messages.Graceful})
	e := sees(h, "the restart is over", func(messages.RestartFinished) bool { return true })
	if !contains(e.Reason, "replacement 1.0.2") || !contains(e.Reason, "0 of 2 were replaced") {
		t.Errorf("event %+v", e)
	}
	h.says("the worker failed: this message breaks me")
	s := h.ready(2)
	if !contains(s.LastRestart, "graceful restart aborted: replacement 1.0.2") {
		t.Errorf("last restart %q", s.LastRestart)
	}
	for i, w := range s.Servers[0].Workers {
		if w.Pid != before.Servers[0].Workers[i].Pid {
			t.Errorf("worker %d was replaced", i)
		}
	}
}
