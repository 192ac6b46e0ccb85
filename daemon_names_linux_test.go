package serverengine_test

import (
	"fmt"
	"os/exec"
	"syscall"
	"testing"
)

// named waits until ps shows a process by this name, alone.
func named(t *testing.T, pid int, name string) {
	t.Helper()
	eventually(t, fmt.Sprintf("ps shows %d as %q", pid, name), func() bool { return shownArgs(pid) == name })
	short := name[:min(len(name), 15)]
	eventually(t, "its short name is "+short, func() bool { return statOf(t, pid).comm == short })
}

// R12: worker_process_name is reloaded, for workers that run and for those to come.
func TestProcessNamesInPs(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr := adjusted(t, "web", keys{
			"worker_type": "process", "supervisor": supervisor,
			"daemon_process_name": "mill: the keeper of all", "server_process_name": "mill: the server process", "worker_process_name": "mill: worker %d",
		}, func(_ *tree, cmd *exec.Cmd) { cmd.Args = append(cmd.Args, "--an", "argument") })
		lives := tr.serving(2)
		named(t, tr.pid, "mill: the keeper of all")
		if supervisor {
			named(t, tr.serverPid(), "mill: the server process")
		}
		for slot, l := range lives {
			named(t, l.pid, fmt.Sprintf("mill: worker %d", slot))
		}

		tr.configure(keys{"worker_process_name": "mill: hand %d of many"})
		tr.signal(syscall.SIGUSR2)
		for slot, l := range lives {
			named(t, l.pid, fmt.Sprintf("mill: hand %d of many", slot))
		}
		tr.kill(lives[1].pid, syscall.SIGKILL)
		named(t, tr.replaced(map[int]life{1: lives[1]})[1].pid, "mill: hand 1 of many")
	})
}

// Without the keys every process keeps the name it was started by.
func TestProcessesWithoutNamesKeepTheProgrammes(t *testing.T) {
	t.Parallel()
	tr := adjusted(t, "web", keys{"worker_type": "process", "supervisor": true}, func(tr *tree, cmd *exec.Cmd) {
		tr.configure(daemonKeys(tr))
		cmd.Args = []string{"/opt/mill", "--an", "argument"}
	})
	tr.exits(0)
	tr.adopt()
	lives := tr.serving(2)
	for _, pid := range []int{tr.pid, tr.serverPid(), lives[0].pid, lives[1].pid} {
		if args := shownArgs(pid); args != "/opt/mill --an argument" {
			t.Errorf("%d is shown as %q", pid, args)
		}
		if comm := statOf(t, pid).comm; comm != "mill" && comm != programComm() {
			t.Errorf("the short name of %d is %q", pid, comm)
		}
	}
}
