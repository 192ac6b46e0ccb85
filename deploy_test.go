//go:build unix

package serverengine_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
)

// deployed is the web program at a path where it can be replaced.
func deployed(t *testing.T, settings keys) (*tree, func(mark string)) {
	t.Helper()
	program := t.TempDir() + "/program"
	install(t, program, "")
	tr := startWith(t, "web", settings, launch{program: program})
	return tr, func(mark string) { install(t, program, mark) }
}

// install puts a build of this program at a path as a package manager does: under another
// name, then renamed.
func install(t *testing.T, path, mark string) {
	t.Helper()
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	// A child that another test forks meanwhile would hold the file open for writing until
	// its exec, and a program that is open for writing can't be started.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	to, err := os.OpenFile(path+".new", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err == nil && mark != "" {
		_, err = io.WriteString(to, markIntro+mark)
	}
	if err := errors.Join(err, to.Close(), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

var deployKeys = keys{"worker_type": "process", "workers": 3, "drain_wait": "500ms", "restart_backoff": 0}

// New code under the old name: a graceful restart brings it, and no request fails.
func TestGoodDeployServesTheNewCode(t *testing.T) {
	t.Parallel()
	tr, install := deployed(t, deployKeys)
	before := tr.serving(3)
	l := tr.load(4, true)
	if code := field(tr.mustGet("/"), "code"); code != "original" {
		t.Fatalf("code %q serves", code)
	}
	install("two")
	tr.signal(syscall.SIGUSR1)
	tr.says("graceful restart finished")
	after := tr.replaced(before)
	for _, old := range before {
		tr.saysOf(old.incarnation, "worker exited: exit 0")
	}
	l.finish()
	l.clean(t)
	tr.kill(after[0].pid, syscall.SIGKILL) // a crash is repaired with the new code now
	tr.onlyReplaced(after, after[0])
	for range 10 {
		if code := field(tr.mustGet("/"), "code"); code != "two" {
			t.Errorf("code %q serves", code)
		}
	}
}

// New code that can't start: the old workers go on, and people are told why.
func TestDeployThatCannotStartFailsNoRequest(t *testing.T) {
	t.Parallel()
	tr, install := deployed(t, deployKeys)
	before := tr.serving(3)
	l := tr.load(4, true)
	install(markBroken)
	tr.signal(syscall.SIGUSR1)
	r := tr.says("graceful restart aborted, the old workers go on")
	if r.Level != "error" {
		t.Errorf("not an error: %s", r.line)
	}
	tr.says("this build can't find its database")
	tr.same(before)
	tr.log.mark()
	tr.kill(before[1].pid, syscall.SIGKILL) // a crash is repaired with what worked
	tr.onlyReplaced(before, before[1])
	l.finish()
	if field(tr.mustGet("/"), "code") != "original" {
		t.Error("other code serves")
	}
	tr.silent("this build can't find its database")
	l.onlyBrokenBy(t, before[1])
	install("two") // the next one is better
	tr.signal(syscall.SIGUSR1)
	tr.says("graceful restart finished")
}

// onlyBrokenBy allows failures that a worker's violent death explains: one for each client.
func (l *load) onlyBrokenBy(t *testing.T, victim life) {
	t.Helper()
	if n := l.refused.Load(); n > 0 || len(l.broken) > 4 {
		t.Errorf("%d connections were refused and %d broken, worker %d was killed", n, len(l.broken), victim.slot)
	}
}

// A crash between the new file's arrival and the restart mixes no versions.
func TestCrashBeforeTheRestartIsRepairedWithTheOldCode(t *testing.T) {
	t.Parallel()
	tr, install := deployed(t, deployKeys)
	before := tr.serving(3)
	install("two")
	tr.kill(before[0].pid, syscall.SIGKILL)
	after := tr.onlyReplaced(before, before[0])
	tr.wantCode(after[0], "original")
	tr.signal(syscall.SIGUSR1)
	tr.says("graceful restart finished")
	tr.wantCode(tr.replaced(after)[0], "two")
}

func TestRestartWithoutAProgramIsRefused(t *testing.T) {
	t.Parallel()
	tr, _ := deployed(t, deployKeys)
	before := tr.serving(3)
	if err := os.Remove(tr.cmd.Path); err != nil {
		t.Fatal(err)
	}
	tr.signal(syscall.SIGUSR1)
	tr.says("restart refused, the old workers go on")
	tr.same(before)
	tr.kill(before[0].pid, syscall.SIGKILL)
	after := tr.onlyReplaced(before, before[0])
	tr.wantCode(after[0], "original")
}

// wantCode asks until this worker answers.
func (tr *tree) wantCode(l life, code string) {
	tr.t.Helper()
	var body string
	eventually(tr.t, fmt.Sprintf("worker %s answers", l.incarnation), func() bool {
		body = tr.mustGet("/")
		return field(body, "life") == l.incarnation
	})
	if field(body, "code") != code {
		tr.t.Errorf("want code %q: %s", code, body)
	}
}
