//go:build unix

package serverengine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// generation is a server process, as the log tells of it.
type generation struct {
	number int
	pid    int
	ready  bool
	ended  bool
}

// generations are the server processes that have been started, by their order.
func (tr *tree) generations() []generation {
	tr.t.Helper()
	var all []generation
	for _, r := range tr.log.read() {
		if !strings.HasPrefix(r.Msg, "server ") {
			continue
		}
		var f struct {
			Generation int `json:"generation"`
			ServerPid  int `json:"server_pid"`
		}
		r.decode(tr.t, &f)
		switch {
		case r.Msg == "server started":
			all = append(all, generation{number: f.Generation, pid: f.ServerPid})
		case f.Generation == 0 || f.Generation > len(all):
		case r.Msg == "server process ready":
			all[f.Generation-1].ready = true
		case strings.HasPrefix(r.Msg, "server exited"):
			all[f.Generation-1].ended = true
		}
	}
	return all
}

// generation waits until the server process of a number is ready.
func (tr *tree) generation(number int) generation {
	tr.t.Helper()
	var found generation
	eventually(tr.t, fmt.Sprintf("server %d is ready", number), func() bool {
		all := tr.generations()
		if len(all) < number {
			return false
		}
		found = all[number-1]
		return found.ready
	})
	return found
}

// ends waits until the server process of a number has ended.
func (tr *tree) ends(number int) {
	tr.t.Helper()
	eventually(tr.t, fmt.Sprintf("server %d has ended", number), func() bool { return tr.generations()[number-1].ended })
}

// supervised starts the web program under a supervisor and waits until it serves.
func supervised(t *testing.T, workers int, more ...keys) *tree {
	t.Helper()
	tr := start(t, "web", supervisedKeys(workers, more...))
	tr.mayLeaveOrphans()
	tr.generation(1)
	return tr
}

// mayLeaveOrphans stops the tree at the end of a test that has killed a server: its workers
// have a life of their own, of orphan_timeout at most.
func (tr *tree) mayLeaveOrphans() {
	tr.t.Cleanup(func() {
		if !tr.running() || tr.t.Failed() {
			return
		}
		tr.signal(syscall.SIGTERM)
		tr.exits(0)
		eventually(tr.t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
	})
}

// supervisedKeys are its settings. The wait between starts is shorter than the seed's, so
// that stories are.
func supervisedKeys(workers int, more ...keys) keys {
	settings := keys{"worker_type": "process", "workers": workers, "message": "one", "supervisor": true, "server_restart_wait": "50ms"}
	for _, m := range more {
		for k, v := range m {
			settings[k] = v
		}
	}
	return settings
}
