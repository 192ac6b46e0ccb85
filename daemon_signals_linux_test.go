package serverengine_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// otherSignals gives every meaning another signal than the usual one.
var otherSignals = keys{
	"signal_graceful_stop": "ALRM", "signal_immediate_stop": "SIGABRT", "signal_graceful_restart": "XCPU", "signal_immediate_restart": "IO",
	"signal_reload": "PWR", "signal_detach": "VTALRM", "signal_dump": "WINCH",
}

func TestMeaningsOnOtherSignals(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		settings := keys{"worker_type": "process", "supervisor": supervisor, "server_restart_wait": "50ms"}
		for k, v := range otherSignals {
			settings[k] = v
		}
		tr := start(t, "web", settings)
		before := tr.serving(2)
		tr.says("server ready")
		tr.signal(syscall.SIGWINCH)
		tr.says("signal WINCH: dump")
		tr.dumpOf(tr.pid)
		tr.signal(syscall.SIGPWR)
		tr.says("signal PWR: reload")
		tr.says("reloaded")
		tr.signal(syscall.SIGXCPU)
		tr.says("signal XCPU: graceful restart")
		after := tr.replaced(before)
		tr.says("graceful restart finished")
		tr.signal(syscall.SIGIO)
		tr.says("signal IO: immediate restart")
		tr.replaced(after)
		tr.says("immediate restart finished")
		tr.signal(syscall.SIGVTALRM)
		tr.says("signal VTALRM: ")
		if supervisor {
			tr.says("live restart")
			tr.signal(syscall.SIGABRT)
			tr.says("signal ABRT: immediate stop")
		}
		tr.exits(0)
	})
}

func TestStopOnAnotherSignalLeavesTermToTheSystem(t *testing.T) {
	t.Parallel()
	tr := start(t, "web", keys{"worker_type": "thread", "signal_graceful_stop": "ALRM"})
	tr.serving(2)
	tr.signal(syscall.SIGALRM)
	tr.exits(0)
	tr.says("graceful stop")

	tr = start(t, "web", keys{"worker_type": "thread", "signal_graceful_stop": "ALRM"})
	tr.serving(2)
	tr.signal(syscall.SIGTERM)
	tr.gone()
	if ws, ok := tr.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGTERM {
		t.Errorf("a TERM that means nothing ended the program with %s", tr.cmd.ProcessState)
	}
}

// The original's variable moves the dump to another signal; CONT is then nobody's.
func TestDumpSignalFromTheEnvironment(t *testing.T) {
	t.Parallel()
	tr := startWith(t, "web", keys{"worker_type": "thread"}, launch{env: []string{"SIGDUMP_SIGNAL=SIGWINCH"}})
	tr.serving(2)
	tr.signal(syscall.SIGCONT)
	tr.signal(syscall.SIGWINCH)
	tr.says("signal WINCH: dump")
	tr.dumpOf(tr.pid)
	for _, r := range tr.log.read() {
		if strings.Contains(r.Msg, "CONT") {
			t.Errorf("CONT means something: %s", r.line)
		}
	}
	if b, err := os.ReadFile(tr.dumpPath(tr.pid)); err != nil || strings.Count(string(b), "Sigdump of pid") != 1 {
		t.Errorf("not one dump: %d bytes, %v", len(b), err)
	}
}

func TestSignalsThatCanNotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, signal string
		want        []string
	}{
		{"signal_dump", "SIGNONE", []string{"SIGNONE", "is no signal"}},
		{"signal_reload", "KILL", []string{"KILL", "can't be caught"}},
		{"signal_detach", "URG", []string{"URG", "belongs to the Go runtime"}},
		{"signal_graceful_stop", "TTIN", []string{"TTIN", "is taken"}},
		{"signal_graceful_restart", "USR2", []string{"USR2", "signal_reload"}},
		{"signal_immediate_stop", "", []string{"signal_immediate_stop"}},
	} {
		t.Run(c.key+" "+c.signal, func(t *testing.T) {
			t.Parallel()
			tr := start(t, "web", keys{c.key: c.signal})
			tr.complains(1, append(c.want, c.key)...)
		})
	}
}
