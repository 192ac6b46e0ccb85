//go:build unix

package serverengine_test

import (
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/sockets"
)

// quick is a ladder of two seconds.
var quick = keys{
	"worker_graceful_kill_interval": "200ms", "worker_graceful_kill_interval_increment": 0, "worker_graceful_kill_timeout": "1s",
	"worker_immediate_kill_interval": "200ms", "worker_immediate_kill_interval_increment": 0, "worker_immediate_kill_timeout": "1s",
}

// tells is a script that prints the signals it gets, and ends by TERM and QUIT.
const tells = `trap 'echo got HUP' HUP; trap 'echo got TERM; exit 0' TERM; trap 'echo got QUIT; exit 4' QUIT
	` + introduction + `while :; do sleep 60 & wait $!; done`

func TestGracefulStopIsTermForACommand(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(tells), keys{"workers": 2})
	tr.commandOf("1.0.1")
	tr.commandOf("1.1.1")
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	for _, inc := range []string{"1.0.1", "1.1.1"} {
		tr.saysOf(inc, "got TERM")
		tr.saysOf(inc, "worker exited: exit 0")
	}
	tr.silent("got QUIT")
}

func TestImmediateStopIsQuitForACommand(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(tells))
	tr.commandOf("1.0.1")
	tr.signal(syscall.SIGQUIT)
	tr.exits(0)
	tr.says("got QUIT")
	tr.says("worker exited: exit 4")
	tr.silent("got TERM")
}

// A TERM or QUIT to the worker's keeper is one to the command.
func TestSignalsToAKeeperReachItsCommand(t *testing.T) {
	t.Parallel()
	for s, want := range map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			tr := spawn(t, shell(tells), keys{"restart_worker_interval": 0})
			tr.serving(1)
			_, _, keeper := tr.commandOf("1.0.1")
			tr.kill(keeper, s)
			tr.saysOf("1.0.1", "got "+want)
			tr.saysOf("1.0.2", "worker ready")
		})
	}
}

// A command that ignores all signals is told with each rung, and then killed with all it
// has started.
func TestCommandThatIgnoresTermAndQuitIsKilled(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell("trap 'echo got TERM' TERM; trap 'echo got QUIT' QUIT\n"+introduction+"while :; do sleep 60 & wait $!; done"), quick)
	_, pid, _ := tr.commandOf("1.0.1")
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	r := tr.saysOf("1.0.1", "worker exited: signal KILL")
	if r.WorkerPid != pid {
		t.Errorf("not the command %d: %s", pid, r.line)
	}
	tr.ordered("got TERM", "got QUIT", "worker exited")
}

// rewind makes the beginning of the log the place where says looks.
func (r *logReader) rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = 0
}

// ordered wants the first records with these texts to be in this order.
func (tr *tree) ordered(texts ...string) {
	tr.t.Helper()
	var at []int
	all := tr.log.read()
	for _, text := range texts {
		at = append(at, slices.IndexFunc(all, func(r record) bool { return contains(r.Msg, text) }))
	}
	if at[0] < 0 || !slices.IsSorted(at) {
		tr.t.Errorf("%q are at %v of the log", texts, at)
	}
}

// listens is a script that prints the words it gets, and ends by those of a stop.
const listens = introduction + `while read -r word; do echo "word $word"; case $word in *STOP) exit 0; esac; done`

func TestCommandIsToldWordsOnItsStdin(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(listens), keys{"command_sender": "pipe", "worker_reload_signal": "HUP"})
	tr.serving(1)
	tr.signal(syscall.SIGUSR2)
	tr.says("word RELOAD")
	tr.signal(syscall.SIGCONT)
	tr.says("word DUMP")
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	tr.says("word GRACEFUL_STOP")
	tr.says("worker exited: exit 0")
	tr.silent("IMMEDIATE")
}

func TestImmediateStopIsAWordForACommand(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(listens), keys{"command_sender": "pipe"})
	tr.serving(1)
	tr.signal(syscall.SIGQUIT)
	tr.exits(0)
	tr.says("word IMMEDIATE_STOP")
	tr.silent("GRACEFUL")
}

// The signal is a configuration value like others: a reload that changes it uses it.
func TestReloadSignalOfACommand(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(tells))
	tr.commandOf("1.0.1")
	before := tr.serving(1)
	tr.signal(syscall.SIGUSR2)
	tr.says("signal USR2: reload")
	tr.configure(keys{"worker_reload_signal": "HUP"})
	tr.signal(syscall.SIGUSR2)
	tr.says("got HUP")
	tr.same(before)
	if n := count(tr.log.read(), "got HUP"); n != 1 {
		t.Errorf("%d reloads were told although there was no signal for the first", n)
	}
}

// A dump is asked of a command only by words: it has no signal for it that could not end it.
func TestDumpLeavesACommandAlone(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell(tells))
	tr.commandOf("1.0.1")
	before := tr.serving(1)
	tr.signal(syscall.SIGCONT)
	tr.dumpOf(tr.pid)
	tr.same(before)
	tr.silent("got ")
}

func TestKilledKeeperTakesItsCommandWithIt(t *testing.T) {
	t.Parallel()
	tr := spawn(t, shell("trap '' TERM QUIT HUP\n"+introduction+"while :; do sleep 60 & wait $!; done"), keys{"restart_worker_interval": 0}, quick)
	tr.serving(1)
	_, pid, keeper := tr.commandOf("1.0.1")
	tr.kill(keeper, syscall.SIGKILL)
	r := tr.saysOf("1.0.1", "worker exited unexpectedly: signal KILL")
	if r.WorkerPid != pid {
		t.Errorf("not the command %d: %s", pid, r.line)
	}
	eventually(t, "the command is gone", func() bool { return !slices.Contains(tr.family(), pid) })
	tr.saysOf("1.0.2", "worker ready")
}

// Nobody is left after the server was killed: not the keeper, nor the command, nor what it
// has started. It was told to finish, since there is nobody who would say it later.
func TestCommandOfAKilledServerIsToldToFinish(t *testing.T) {
	t.Parallel()
	tr := spawnToBeKilled(t, shell(`trap 'echo TERM >"$`+treeVar+`/told"; exit 0' TERM`+"\n"+introduction+"while :; do sleep 60 & wait $!; done"), "30s")
	if d := tr.orphaned(); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
	if _, err := os.Stat(tr.path("told")); err != nil {
		t.Error(err)
	}
}

func TestOrphanTimeoutEndsACommandThatDoesNot(t *testing.T) {
	t.Parallel()
	tr := spawnToBeKilled(t, shell("trap '' TERM QUIT\n"+introduction+"while :; do sleep 60; done"), "1s")
	if d := tr.orphaned(); d < 500*time.Millisecond {
		t.Errorf("it had %s only", d)
	}
}

// spawnToBeKilled is spawn of a server that can't remove the socket manager's directory.
func spawnToBeKilled(t *testing.T, c serverengine.Command, orphanTimeout string) *tree {
	t.Helper()
	settings := spawnKeys(t, c, keys{"orphan_timeout": orphanTimeout})
	return startWith(t, "spawner", settings, launch{env: []string{sockets.EnvSockDir + "=" + shortDir(t)}})
}

// orphaned kills the server and waits until nothing of it is left.
func (tr *tree) orphaned() time.Duration {
	tr.t.Helper()
	tr.commandOf("1.0.1")
	tr.kill(tr.pid, syscall.SIGKILL)
	began := time.Now()
	tr.gone()
	eventually(tr.t, "all processes are gone", func() bool { return len(tr.family()) == 0 })
	return time.Since(began)
}
