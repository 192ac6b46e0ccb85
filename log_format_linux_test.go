package serverengine_test

import (
	"strings"
	"syscall"
	"testing"
)

// A reload changes the format of what every process logs.
func TestLogFormatIsLive(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 1)
	victim := tr.serving(1)[0]
	tr.configure(keys{"log_format": "text", "message": "two"})
	tr.signal(syscall.SIGUSR2)
	asText := func(who, text string) {
		t.Helper()
		tr.finds(text+" of "+who+" as text", func(r record) bool {
			return strings.Contains(r.line, text) && strings.Contains(r.line, "] ") && strings.Contains(r.line, " -- : ")
		})
	}
	asText("the worker", "reloaded: message two")
	tr.kill(victim.pid, syscall.SIGTERM)
	asText("the server", "worker exited")
	tr.signal(syscall.SIGCONT)
	asText("the top", "signal CONT: dump")
	tr.configure(keys{"log_format": "json"})
	tr.signal(syscall.SIGUSR2)
	tr.finds("reloaded as JSON", func(r record) bool { return r.Incarnation == "1.0.2" && strings.Contains(r.Msg, "reloaded:") })
}
