//go:build unix

package serverengine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["misbehaving"] = playMisbehaving
	how := os.Getenv(howVar)
	if inChild() && (how == "always crashes in init" || how == "crashes in init" && firstTime("init")) {
		panic("init can't go on")
	}
}

// inChild reports, before Run has taken it, whether a process is a worker.
func inChild() bool { return os.Getenv("SERVERENGINE_BRIDGE") != "" }

// playMisbehaving is a program whose worker misbehaves in its first life, as the
// environment says, and is a good one after that.
func playMisbehaving() {
	how := os.Getenv(howVar)
	if trick := tricksBeforeRun[how]; trick != nil && inChild() && firstTime("main") {
		trick()
	}
	run(appOf(func(ctx context.Context, self *serverengine.Self) error {
		self.Logger().Infof("here: pid=%d ppid=%d", os.Getpid(), os.Getppid())
		if trick := tricks[how]; trick != nil && firstTime("run") {
			trick(self)
		}
		self.Ready()
		<-ctx.Done()
		return nil
	}))
}

var tricksBeforeRun = map[string]func(){
	"panics in main":     func() { panic("main can't go on") },
	"exits before Hello": func() { fmt.Println("there is no database"); os.Exit(5) },
	"hangs before Hello": forever,
}

var tricks = map[string]func(*serverengine.Self){
	"deaf":                  func(self *serverengine.Self) { self.Ready(); forever() },
	"ignores TERM and QUIT": func(self *serverengine.Self) { self.Ready(); printSignals() },
	"closes 3 and 4":        func(self *serverengine.Self) { self.Ready(); syscall.Close(3); syscall.Close(4); forever() },
	"garbage":               func(*serverengine.Self) { syscall.Write(4, []byte("DEBUG: a print to the wrong place\n")); forever() },
	"fills stderr":          fillStderr,
	"leaves a child":        leaveChild,
	"wedges":                wedge,
	"locks up":              func(self *serverengine.Self) { self.Ready(); self.Beat(); <-make(chan int) },
	"panics slowly":         func(self *serverengine.Self) { self.Ready(); panic(slowPanic{}) },
	"calls os.Exit":         func(self *serverengine.Self) { self.Ready(); fmt.Println("enough"); os.Exit(9) },
}

// slowPanic takes long to be printed: whoever ends the process meanwhile cuts its trace off.
type slowPanic struct{}

func (slowPanic) Error() string { time.Sleep(300 * time.Millisecond); return "too slow" }

// fillStderr prints without an end, and obeys nobody.
func fillStderr(self *serverengine.Self) {
	self.Ready()
	line := append(filler(4000), '\n')
	for {
		os.Stderr.Write(line)
	}
}

// leaveChild ends and leaves a grandchild that holds all it was given.
func leaveChild(self *serverengine.Self) {
	self.Ready()
	c := exec.Command("/bin/sh", "-c", "trap '' TERM QUIT HUP; echo \"grandchild=$$ \"; while :; do sleep 60; done")
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	c.ExtraFiles = []*os.File{os.NewFile(3, "down"), os.NewFile(4, "up")}
	if err := c.Start(); err != nil {
		fmt.Println(err)
	}
	for !firstGone("grandchild is ready") {
		runtime.Gosched()
	}
	os.Exit(6)
}

// firstGone reports whether a test has given the word.
func firstGone(name string) bool {
	_, err := os.Stat(os.Getenv(treeVar) + "/" + name)
	return err == nil
}

// wedge makes the runtime wait for ever for a loop that never yields, when asynchronous
// preemption is off: no goroutine runs again, not the heartbeat's either.
func wedge(self *serverengine.Self) {
	self.Ready()
	for range runtime.GOMAXPROCS(0) - 1 {
		go spin()
	}
	go func() {
		for {
			runtime.GC()
		}
	}()
	spin()
}

var spun int

//go:noinline
func spin() {
	for n := 0; ; n++ {
		if n < 0 {
			spun = n
		}
	}
}

// misbehave starts the program with one worker that misbehaves.
func misbehave(t *testing.T, how string, more keys, env ...string) *tree {
	t.Helper()
	settings := judged(keys{"worker_type": "process", "workers": 1})
	for k, v := range more {
		settings[k] = v
	}
	return startWith(t, "misbehaving", settings, launch{env: append(env, howVar+"="+how)})
}

// dumped is what a goroutine dump begins with.
const dumped = "SIGQUIT: quit"

func TestWorkerThatMisbehavesIsReplaced(t *testing.T) {
	t.Parallel()
	for how, want := range map[string][]string{
		"crashes in init":    {"panic: init can't go on", "worker exited unexpectedly: exit 2", "its last output before it was ready:\n  panic: init can't go on"},
		"panics in main":     {"panic: main can't go on", "worker exited unexpectedly: exit 2", "its last output before it was ready:\n  panic: main can't go on"},
		"exits before Hello": {"there is no database", "worker exited unexpectedly: exit 5", "its last output before it was ready:\n  there is no database"},
		"hangs before Hello": {"worker is to be ended: no heartbeat for", dumped, "worker exited unexpectedly: exit 2: no heartbeat"},
		"calls os.Exit":      {"enough", "worker exited unexpectedly: exit 9"},
		"closes 3 and 4":     {"worker is to be ended: it closed its pipe", dumped, "worker exited unexpectedly: exit 2: it closed its pipe"},
		"panics slowly":      {"panic: ", "too slow", "worker_misbehaves_test.go", "worker exited unexpectedly: exit 2"},
		"garbage":            {`the child wrote what is no frame`, `"DEBUG: a print to the wrong place\n`, "it is killed", "worker exited unexpectedly: refused: it wrote what is no frame"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			var limits keys
			if contains(want[0], "no heartbeat") {
				limits = silence
			}
			tr := misbehave(t, how, limits)
			for _, text := range want {
				r := tr.saysOf("1.0.1", text)
				if *r.Worker != 0 {
					t.Errorf("not of worker 0: %s", r.line)
				}
			}
			tr.saysOf("1.0.2", "worker ready")
			tr.silent("runtime.Goexit")
		})
	}
}

// A worker that crashes at once costs a handful of starts, ever further apart.
func TestWorkerThatCrashesInInitDoesNotSpin(t *testing.T) {
	t.Parallel()
	tr := startWith(t, "misbehaving", keys{"worker_type": "process", "workers": 1}, launch{env: []string{howVar + "=always crashes in init"}})
	began := tr.says("worker exited").Time
	eventually(t, "two seconds have passed", func() bool { return time.Since(began) > 2*time.Second })
	if n := count(tr.log.read(), "worker started"); n < 2 || n > 20 {
		t.Errorf("%d starts within two seconds", n)
	}
}

// A deaf worker gets TERM, then QUIT, which dumps it: nobody needs a KILL.
func TestDeafWorkerIsDumpedByTheLadder(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "deaf", nil)
	tr.serving(1)
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	tr.saysOf("1.0.1", dumped)
	tr.saysOf("1.0.1", "forever")
	tr.saysOf("1.0.1", "worker exited: exit 2")
}

func TestWorkerThatIgnoresTermAndQuitIsKilled(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "ignores TERM and QUIT", nil)
	tr.serving(1)
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	if r := tr.saysOf("1.0.1", "worker exited: signal KILL"); r.Signal != "KILL" {
		t.Errorf("the signal is %q", r.Signal)
	}
	tr.ordered("told to stop", "got TERM", "got QUIT", "worker exited")
}

// The ladder runs in each restart too, not in the server's stop alone.
func TestDeafWorkerIsReplacedByARestart(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "ignores TERM and QUIT", nil)
	before := tr.serving(1)
	tr.signal(syscall.SIGUSR1)
	tr.replaced(before)
	tr.saysOf("1.0.1", "got QUIT")
	tr.saysOf("1.0.1", "worker exited: signal KILL")
}

// What fills stderr is read all the time, and stopped as everybody else.
func TestWorkerThatFillsStderrIsStopped(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "fills stderr", keys{"log_rotate_age": 8, "log_rotate_size": 1 << 20})
	eventually(t, "a log file is full", func() bool {
		logs, err := filepath.Glob(tr.path("log*"))
		return err == nil && len(logs) > 1
	})
	tr.kill(tr.pid, syscall.SIGTERM)
	tr.exits(0)
	logs, err := filepath.Glob(tr.path("log*")) // rotated faster than anybody can follow
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		if b, err := os.ReadFile(name); err != nil {
			t.Error(err)
		} else if bytes.Contains(b, []byte("worker exited: exit 2")) {
			return
		}
	}
	t.Errorf("none of %d log files tells of the worker's end", len(logs))
}

// What a worker leaves in its group does not outlive it, although it holds its pipes and
// ignores every signal.
func TestGrandchildDoesNotOutliveItsWorker(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "leaves a child", nil)
	var grandchild int
	fmt.Sscan(field(tr.saysOf("1.0.1", "grandchild=").Msg, "grandchild"), &grandchild)
	if !slices.Contains(tr.family(), grandchild) {
		t.Fatalf("there is no grandchild %d", grandchild)
	}
	if err := os.WriteFile(tr.path("grandchild is ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tr.saysOf("1.0.1", "worker exited unexpectedly: exit 6")
	tr.saysOf("1.0.2", "worker ready")
	eventually(t, "the grandchild is gone", func() bool { return !slices.Contains(tr.family(), grandchild) })
}

// A worker that SIGSTOP has stopped takes no signal but KILL.
func TestStoppedWorkerIsKilledAndReplaced(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "behaves", silence)
	before := tr.serving(1)
	tr.freeze(before[0].pid)
	tr.saysOf("1.0.1", "worker is to be ended: no heartbeat for")
	tr.saysOf("1.0.1", "worker exited unexpectedly: signal KILL")
	tr.replaced(before)
}

// The runtime of a wedged worker runs no goroutine any more: its dump is in the log all the
// same, under its name.
func TestWedgedWorkerIsDumpedAndReplaced(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "wedges", silence, "GODEBUG=asyncpreemptoff=1")
	tr.saysOf("1.0.1", "worker is to be ended: no heartbeat for")
	for _, text := range []string{dumped, "goroutine ", "serverengine-go_test.wedge"} {
		if r := tr.saysOf("1.0.1", text); *r.Worker != 0 || r.Stream != "stderr" {
			t.Errorf("a line of the dump is not its worker's: %s", r.line)
		}
	}
	tr.saysOf("1.0.1", "worker exited unexpectedly: exit 2: no heartbeat")
	tr.saysOf("1.0.2", "worker ready")
}

// R7: a dead-locked worker beats, and makes no progress.
func TestDeadlockedWorkerIsDumpedAndReplaced(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "locks up", keys{"worker_progress_timeout": "500ms"})
	tr.saysOf("1.0.1", "worker is to be ended: no progress for")
	tr.saysOf("1.0.1", dumped)
	tr.saysOf("1.0.1", "worker_misbehaves_test.go") // where it hangs
	tr.saysOf("1.0.1", "worker exited unexpectedly: exit 2: no progress for")
	tr.saysOf("1.0.2", "worker ready")
}

// A goroutine can't be ended: people are told, and its slot is kept.
func TestDeadlockedThreadIsShownAsStuck(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "locks up", keys{"worker_type": "thread", "worker_progress_timeout": "300ms"})
	r := tr.says("worker is stuck, and a goroutine can't be ended: no progress for")
	if r.Level != "error" || r.Incarnation != "1.0.1" {
		t.Errorf("not an error of worker 0: %s", r.line)
	}
	tr.signal(syscall.SIGQUIT)
	tr.exits(0)
	if n := count(tr.log.read(), "worker started"); n != 1 {
		t.Errorf("%d workers were started", n)
	}
}

// The silence of workers while the top itself was stopped is nobody's fault.
func TestStoppedTopKillsNoWorkerWhenItGoesOn(t *testing.T) {
	t.Parallel()
	tr := misbehave(t, "behaves", keys{"workers": 3, "worker_heartbeat_timeout": "2s"})
	before := tr.serving(3)
	tr.freeze(tr.pid)
	passes(t, 3500*time.Millisecond)
	tr.kill(tr.pid, syscall.SIGCONT)
	passes(t, 3500*time.Millisecond)
	tr.same(before)
	if n := count(tr.log.read(), "worker is to be ended"); n > 0 {
		t.Errorf("%d workers were to be ended", n)
	}
}

// passes lets time pass: nothing else tells that something did not happen.
func passes(t *testing.T, d time.Duration) {
	t.Helper()
	began := time.Now()
	eventually(t, "time passes", func() bool { return time.Since(began) > d })
}
