//go:build unix

package serverengine_test

import (
	"os"
	"syscall"
	"testing"
)

// deployedSupervised is deployed under a supervisor. No process is started while a program
// is written: one that inherits the open file would keep it from being executed.
func deployedSupervised(t *testing.T, settings keys) (*tree, func(mark string)) {
	t.Helper()
	program := t.TempDir() + "/program"
	put := func(mark string) {
		t.Helper()
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		install(t, program, mark)
	}
	put("")
	tr := startWith(t, "web", settings, launch{program: program})
	tr.mayLeaveOrphans()
	tr.generation(1)
	return tr, put
}

// A live restart brings new code, in both orders, and a crash afterwards keeps it.
func TestLiveRestartServesTheNewCode(t *testing.T) {
	bothOrders(t, func(t *testing.T, order string) {
		tr, install := deployedSupervised(t, supervisedKeys(2, keys{"live_restart_order": order, "restart_backoff": 0}))
		before := tr.serving(2)
		tr.serves("code", "original")
		install("two")
		tr.signal(syscall.SIGINT)
		tr.generation(2)
		before = tr.replaced(before)
		tr.ends(1)
		tr.serves("code", "two")
		install("three") // on the disk only: a crash mixes no versions
		tr.kill(tr.generation(2).pid, syscall.SIGKILL)
		tr.generation(3)
		before = tr.replaced(before)
		tr.eventuallyServes("code", "two")
		tr.kill(before[0].pid, syscall.SIGKILL)
		tr.wantCode(tr.replaced(map[int]life{0: before[0]})[0], "two")
	})
}

// A crash of the server after a good deploy by USR1 does not go back to the old code,
// neither of the server process nor of its workers.
func TestKilledServerAfterADeployDoesNotGoBack(t *testing.T) {
	t.Parallel()
	tr, install := deployedSupervised(t, supervisedKeys(2, keys{"restart_backoff": 0}))
	before := tr.serving(2)
	install("two")
	tr.signal(syscall.SIGUSR1)
	before = tr.replaced(before)
	tr.says("graceful restart finished")
	install(markBroken) // it is not what a crash is repaired with
	tr.kill(tr.generation(1).pid, syscall.SIGKILL)
	tr.generation(2)
	for _, l := range tr.replaced(before) {
		tr.wantCode(l, "two")
	}
}

// A server that does not come up leaves the old one serving, is shown, and is tried again
// until the program is repaired; nobody has to ask a second time.
func TestLiveRestartWithABrokenProgram(t *testing.T) {
	t.Parallel()
	tr, install := deployedSupervised(t, supervisedKeys(2, keys{"restart_backoff": "50ms"}))
	before := tr.serving(2)
	l := tr.load(2, false)
	install(markBroken)
	tr.signal(syscall.SIGINT)
	if r := tr.says("live restart: the new server did not come up"); r.Level != "error" {
		t.Errorf("not an error: %s", r.line)
	}
	tr.says("this build can't find its database")
	tr.serves("code", "original")
	tr.same(before)
	if tr.generations()[0].ended {
		t.Fatal("the old server has ended")
	}
	install("two")
	tr.says("the new one has taken over")
	tr.ends(1)
	tr.serves("code", "two")
	l.finish()
	l.clean(t)
}

// The same with a file that is no program at all, and one that is not there.
func TestLiveRestartWithoutAProgram(t *testing.T) {
	t.Parallel()
	tr, install := deployedSupervised(t, supervisedKeys(1, keys{"restart_backoff": "50ms"}))
	if err := os.WriteFile(tr.cmd.Path+".other", []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tr.cmd.Path+".other", tr.cmd.Path); err != nil {
		t.Fatal(err)
	}
	tr.signal(syscall.SIGINT)
	tr.says("live restart: the new server did not come up")
	if err := os.Remove(tr.cmd.Path); err != nil {
		t.Fatal(err)
	}
	tr.says("does not exist") // what is tried again finds nothing
	tr.log.mark()
	tr.signal(syscall.SIGINT)
	tr.says("restart refused, everything goes on")
	tr.serves("code", "original")
	install("two")
	tr.signal(syscall.SIGINT)
	tr.eventuallyServes("code", "two")
}

// A server whose workers never become ready is given up after worker_ready_timeout.
func TestLiveRestartWithAServerThatIsNeverReady(t *testing.T) {
	t.Parallel()
	tr := supervised(t, 1, keys{"restart_backoff": "50ms"})
	tr.configure(keys{"address": "not an address", "worker_ready_timeout": "500ms", "max_restarts": 0})
	tr.signal(syscall.SIGUSR2)
	tr.says("reloaded")
	tr.signal(syscall.SIGINT)
	tr.says("it was not ready in time")
	tr.serves("message", "one")
	if tr.generations()[0].ended {
		t.Fatal("the old server has ended")
	}
	tr.configure(keys{"address": tr.address(), "worker_ready_timeout": "60s"})
	tr.signal(syscall.SIGUSR2)
	tr.says("the new one has taken over")
	tr.ends(1)
	tr.mustGet("/")
}

// Unrecoverable exit codes pass from a worker through server and supervisor to the shell.
func TestUnrecoverableExitCodeReachesTheShellThroughASupervisor(t *testing.T) {
	t.Parallel()
	settings := supervisedKeys(2, keys{"exit_with": 3, "unrecoverable_exit_codes": "[3]"})
	tr := start(t, "ends", settings)
	tr.exits(3)
	tr.says("server exited unexpectedly: exit 3")
	tr.onlyOne()

	settings["only_slot"], settings["stop_immediately_at_unrecoverable_exit"] = 1, true
	tr = start(t, "ends", settings)
	tr.exits(3)
	tr.saysOf("1.0.1", "worker told to stop (graceful): a worker exited unrecoverably")
	tr.onlyOne()

	delete(settings, "stop_immediately_at_unrecoverable_exit")
	settings["worker_ready_after"] = 0
	tr = start(t, "ends", settings) // one of several: the others go on
	tr.saysOf("1.1.1", "worker exited unexpectedly: exit 3")
	tr.generation(1)
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
}

// onlyOne wants that one server was started, and has ended.
func (tr *tree) onlyOne() {
	tr.t.Helper()
	if all := tr.generations(); len(all) != 1 || !all[0].ended {
		tr.t.Errorf("the servers were %+v", all)
	}
}

// A code that is recoverable is repaired, with back-off, without an end.
func TestServerThatCannotKeepItsWorkersIsTriedAgain(t *testing.T) {
	t.Parallel()
	tr := start(t, "ends", supervisedKeys(1, keys{
		"restart_backoff": "20ms", "max_restarts": 2, "on_restart_limit": "stop", "worker_ready_after": "1h",
	}))
	tr.says("restart limit exceeded")
	eventually(t, "three servers were started", func() bool { return len(tr.generations()) >= 3 })
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
}
