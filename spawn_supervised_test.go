//go:build unix

package serverengine_test

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// Commands of a server process have the top's socket manager, its log and its promises.
func TestCommandsUnderASupervisor(t *testing.T) {
	t.Parallel()
	c := playing(t, "command of the socket manager")
	settings := spawnKeys(t, c, keys{"workers": 2, "supervisor": true, "server_restart_wait": "50ms", "restart_worker_interval": 0})
	tr := start(t, "spawner", settings)
	before := tr.serving(2)
	for slot, l := range before {
		line, pid, _ := tr.commandOf(l.incarnation)
		if *line.Worker != slot || l.pid != pid {
			t.Errorf("worker %d is %+v, its command says %s", slot, l, line.line)
		}
	}
	l := tr.load(4, false)
	l.reaches(t, answers(100))
	tr.signal(syscall.SIGUSR1)
	before = tr.replaced(before)
	tr.says("graceful restart finished")
	l.reaches(t, answers(100))
	l.finish()
	l.clean(t)

	// The next server takes over, and the commands of the one that was killed end.
	server := tr.generation(1)
	tr.kill(server.pid, syscall.SIGKILL)
	tr.generation(2)
	tr.mustGet("/")
	eventually(t, "the commands of the killed server are gone", func() bool {
		family := tr.family()
		return !slices.Contains(family, before[0].pid) && !slices.Contains(family, before[1].pid)
	})
}

// Messages reach workers below a server process, and their replies come back.
func TestHostTalksThroughASupervisor(t *testing.T) {
	t.Parallel()
	h := newHostOf(t, talkerApp(), hostKeys("process", keys{"workers": 2, "supervisor": true, "worker_max_message_size": 5000}))
	h.ready(2)
	for slot := range 2 {
		if got := h.request(messages.Ask{Slot: slot, Body: secret("hidden")}); got != secret("hidden") {
			t.Errorf("the answer is %#v", got)
		}
		h.send(messages.Tell{Slot: slot, Body: secret("told")})
		if r := h.says("received told"); *r.Worker != slot || r.Pid == os.Getpid() {
			t.Errorf("not worker %d: %s", slot, r.line)
		}
		h.fails(messages.Ask{Slot: slot, Body: fmt.Appendf(nil, "big %d", 5001)}, nil, "5001 bytes, 5000 are allowed")
	}
	h.fails(messages.Ask{Slot: 2, Body: []byte("x")}, nil, "no worker of slot 2 is ready")
	h.send(messages.Tell{Body: []byte("wish scale")})
	h.ready(3)
}
