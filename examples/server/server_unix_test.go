//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

var binary string // the example, built once for all tests

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "server")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "server")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// running is the example as a process of its own, started by a shell, as a person would.
type running struct {
	t     *testing.T
	shell *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	dir   string
	port  int
	pids  map[int]bool // of workers
}

// start runs the example with flags in a directory of its own, on a free port.
func start(t *testing.T, flags ...string) *running {
	t.Helper()
	return startIn(t, t.TempDir(), flags...)
}

func startIn(t *testing.T, dir string, flags ...string) *running {
	t.Helper()
	r := prepare(t, dir, append([]string{"-f"}, flags...)...)
	r.run()
	return r
}

// prepare makes the command that run starts.
func prepare(t *testing.T, dir string, flags ...string) *running {
	t.Helper()
	r := &running{t: t, dir: dir, port: freePort(t), ended: make(chan struct{}), pids: map[int]bool{}}
	args := append([]string{"-c", `"$0" "$@"; echo "the shell saw $?"`, binary, "-b", "127.0.0.1", "-p", strconv.Itoa(r.port)}, flags...)
	r.shell = exec.Command("sh", args...)
	r.shell.Dir = dir
	r.shell.Stdout, r.shell.Stderr = &r.out, &r.out
	r.shell.Env = append(os.Environ(), "SERVERENGINE_CONFIG_ORPHAN_TIMEOUT=2", "SERVERENGINE_CONFIG_WORKER_READY_AFTER=0.05")
	r.shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // away from the terminal of the test
	return r
}

func (r *running) run() {
	r.t.Helper()
	if err := r.shell.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() {
		_ = r.shell.Wait()
		close(r.ended)
	}()
	r.t.Cleanup(r.cleanup)
}

// cleanup ends what a failed test has left. Workers see the death of the top process.
func (r *running) cleanup() {
	select {
	case <-r.ended:
	default:
		_ = syscall.Kill(-r.shell.Process.Pid, syscall.SIGKILL)
		<-r.ended
	}
	for pid := range r.pids {
		if r.t.Failed() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // gone, at best
		}
		r.until(fmt.Sprintf("worker process %d is gone", pid), func() bool { return syscall.Kill(pid, 0) != nil })
	}
	if r.t.Failed() {
		log := r.log()
		r.t.Logf("output: %s\nend of the log:\n%s", r.out.String(), log[max(0, len(log)-4000):])
	}
}

// until waits for something to become true.
func (r *running) until(what string, is func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !is() {
		select {
		case <-every.C:
		case <-ctx.Done():
			r.t.Errorf("never: %s", what)
			return
		}
	}
}

// code is the exit code that the shell has seen.
func (r *running) code() int {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
	_, text, _ := strings.Cut(r.out.String(), "the shell saw ")
	code, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		r.t.Fatalf("%v in %q", err, r.out.String())
	}
	return code
}

func (r *running) log() string {
	b, err := os.ReadFile(filepath.Join(r.dir, "myserver.log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Error(err)
	}
	return string(b)
}

func (r *running) logged(pattern string) {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	r.until("the log has "+pattern, func() bool { return re.MatchString(r.log()) })
}

// top is the pid of the top process, from its log.
func (r *running) top() int {
	r.t.Helper()
	r.logged(`pid \d+ listens`)
	return number(r.t, regexp.MustCompile(`pid (\d+) listens`).FindStringSubmatch(r.log())[1])
}

// server is the pid of a generation's server process, from the log of its supervisor.
func (r *running) server(generation int) int {
	r.t.Helper()
	started := regexp.MustCompile(fmt.Sprintf(`server started generation=%d server_pid=(\d+)`, generation))
	m := started.FindStringSubmatch(r.log())
	if m == nil {
		r.t.Fatalf("the log has no %s", started)
	}
	return number(r.t, m[1])
}

// pidOf is the pid of a worker's first life, as the server has seen it.
func (r *running) pidOf(id int) int {
	r.t.Helper()
	started := fmt.Sprintf(`worker started incarnation=1\.%d\.1 worker=%d worker_pid=(\d+)`, id, id)
	r.logged(started)
	return number(r.t, regexp.MustCompile(started).FindStringSubmatch(r.log())[1])
}

func (r *running) pidFile() int {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, "myserver.pid"))
	if err != nil {
		r.t.Fatal(err)
	}
	return number(r.t, strings.TrimSpace(string(b)))
}

func (r *running) signal(pid int, s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		r.t.Fatal(err)
	}
}

type reply struct {
	message     string
	worker, pid int
}

var answerLine = regexp.MustCompile(`^(.*) worker=(\d+) pid=(\d+)\n$`)

// ask connects once. ok is false while nobody listens.
func (r *running) ask() (a reply, ok bool) {
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)), patience)
	if err != nil {
		return a, false
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil {
		return a, false
	}
	m := answerLine.FindStringSubmatch(string(b))
	if m == nil {
		r.t.Fatalf("the answer is %q", b)
	}
	return reply{m[1], number(r.t, m[2]), number(r.t, m[3])}, true
}

var workLine = regexp.MustCompile(`#(\d+)\]  INFO -- : .* work! incarnation=1\.(\d+)\.`)

// workers waits until n workers have logged their line, and returns their pids by id. Who
// of them answers a connection is up to the system.
func (r *running) workers(n int) map[int]int {
	r.t.Helper()
	var seen map[int]int
	r.until(fmt.Sprintf("%d workers log", n), func() bool {
		seen = map[int]int{}
		for _, m := range workLine.FindAllStringSubmatch(r.log(), -1) {
			seen[number(r.t, m[2])] = number(r.t, m[1])
		}
		return len(seen) >= n
	})
	for _, pid := range seen {
		r.pids[pid] = true
	}
	return seen
}

func number(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func TestTypes(t *testing.T) {
	for _, c := range []struct {
		kind    string
		workers int
		own     bool // each worker has a process of its own
	}{{"embedded", 1, false}, {"thread", 3, false}, {"process", 3, true}, {"spawn", 3, true}} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			r := start(t, "-t", c.kind, "-w", strconv.Itoa(c.workers))
			top := r.top()
			pids := r.workers(c.workers)
			if c.kind == "spawn" { // its first lines may bear the pid of its keeper
				for id := range pids {
					pids[id] = r.pidOf(id)
				}
			}
			for id, pid := range pids {
				if id >= c.workers || (pid != top) != c.own {
					t.Errorf("worker %d runs in pid %d, the top is %d", id, pid, top)
				}
			}
			if a, ok := r.ask(); !ok || a.message != "Awesome work!" || a.pid != pids[a.worker] {
				t.Errorf("%+v, %v; the workers are %v", a, ok, pids)
			}
			r.signal(top, syscall.SIGTERM)
			if code := r.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			r.logged("Server stopped")
		})
	}
}

// TestDefaults: four workers, and everything but address and port from Default.
func TestDefaults(t *testing.T) {
	o, err := readFlags(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := settingsOf(o.config)
	if err != nil || s != defaults || s.address() != "0.0.0.0:12345" {
		t.Errorf("%+v, %v", s, err)
	}
	c := o.config
	if c.Workers != 4 || c.WorkerType != "embedded" || c.Log != "myserver.log" || c.PidPath != "myserver.pid" || len(c.UnrecoverableExitCodes) > 0 {
		t.Errorf("%+v", c)
	}
	o, err = readFlags([]string{"-u", "3", "-u", "7", "-i", "-x"}, io.Discard)
	if !o.config.Daemonize || c.DaemonProcessName != "mydaemon" {
		t.Errorf("%+v", o.config)
	}
	if err != nil || !slices.Equal(o.config.UnrecoverableExitCodes, []int{3, 7}) || !o.config.StopImmediatelyAtUnrecoverableExit || !o.config.Supervisor {
		t.Errorf("%+v, %v", o.config, err)
	}
	for _, wrong := range [][]string{{"-e", "256"}, {"-e", "-1"}, {"-u", "x"}, {"-w", "many"}, {"-z"}, {"word"}} {
		if _, err := readFlags(wrong, io.Discard); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

// TestExitCodes: what the shell sees after workers have ended by themselves.
func TestExitCodes(t *testing.T) {
	const stopsOthers = `told to stop \(graceful\): a worker exited unrecoverably`
	for _, c := range []struct {
		name   string
		flags  string
		code   int
		has    string
		hasNot string
	}{
		{name: "unrecoverable", flags: "-t process -w 2 -e 3 -u 3 -s 0.3", code: 3, has: `exit 3 `, hasNot: stopsOthers},
		{name: "unrecoverable, second of two codes", flags: "-t process -w 1 -e 9 -u 3 -u 9 -s 0.3", code: 9},
		{name: "unrecoverable, stop at once", flags: "-t process -w 8 -e 3 -u 3 -i -r -s 10", code: 3, has: stopsOthers},
		{name: "threads", flags: "-t thread -w 2 -e 3 -u 3 -s 0.3", code: 3, has: `exit 3 `, hasNot: stopsOthers},
		{name: "threads, stop at once", flags: "-t thread -w 8 -e 3 -u 3 -i -r -s 10", code: 3, has: stopsOthers},
		{name: "embedded", flags: "-t embedded -e 4 -u 4 -s 0.3", code: 4},
		{name: "spawned commands", flags: "-t spawn -w 2 -e 6 -u 6 -s 0.3", code: 6, has: `exit 6 `, hasNot: stopsOthers},
		{name: "under a supervisor", flags: "-x -t process -w 2 -e 3 -u 3 -s 0.3", code: 3, has: `exit 3 `},
		{name: "under a supervisor, stop at once", flags: "-x -t process -w 8 -e 3 -u 3 -i -r -s 10", code: 3, has: stopsOthers},
		{name: "at random", flags: "-t thread -w 1 -e 5 -u 5 -r -s 0.5", code: 5, has: `Stop (0s|\d+ms) later with code 5`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, strings.Fields(c.flags)...)
			if code := r.code(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if c.has != "" {
				r.logged(c.has)
			}
			if c.hasNot != "" && regexp.MustCompile(c.hasNot).MatchString(r.log()) {
				t.Errorf("the log has %s", c.hasNot)
			}
		})
	}
}

// TestRecoverable: a worker that ends with a code that is not unrecoverable is started
// again, and the code of the whole is that of the stop.
func TestRecoverable(t *testing.T) {
	t.Parallel()
	r := start(t, "-t", "process", "-w", "1", "-e", "3", "-s", "0.2")
	r.logged(`worker exited unexpectedly: exit 3 .*incarnation=1\.0\.1`)
	r.logged(`worker started incarnation=1\.0\.2`)
	r.signal(r.top(), syscall.SIGTERM)
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestStopAfterUnrecoverable: a stop that was asked for is code 0, whatever happened before.
func TestStopAfterUnrecoverable(t *testing.T) {
	t.Parallel()
	r := start(t, "-t", "thread", "-w", "40", "-e", "3", "-u", "3", "-r", "-s", "60")
	r.logged(`worker exited unexpectedly: exit 3 `)
	r.signal(r.top(), syscall.SIGTERM)
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSupervisor: INT is a live restart, and a killed server is replaced.
func TestSupervisor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "my.yml"), "server_restart_wait: 0.1\n")
	r := startIn(t, dir, "-x", "-t", "process", "-w", "2", "-c", "my.yml")
	r.logged(`server started generation=1 `)
	r.logged(`server ready generation=1`)
	top := r.pidFile()
	if first := r.top(); first == top {
		t.Errorf("pid %d is both supervisor and server", top)
	}
	r.signal(top, syscall.SIGINT)
	r.logged(`server exited: exit 0 .*generation=1 `)
	r.logged(`server ready generation=2`)
	r.signal(r.server(2), syscall.SIGKILL)
	r.logged(`server exited unexpectedly: signal KILL .*generation=2 `)
	r.logged(`server ready generation=3`)
	if _, ok := r.ask(); !ok {
		t.Error("nobody answers")
	}
	r.signal(top, syscall.SIGTERM)
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestDaemon: without -f the caller returns at once with code 0, and the daemon is known
// by its pid file.
func TestDaemon(t *testing.T) {
	t.Parallel()
	r := prepare(t, t.TempDir(), "-t", "thread", "-w", "1")
	r.run()
	if code := r.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	pid := r.pidFile()
	r.pids[pid] = true
	if a, ok := r.ask(); !ok || a.pid != pid {
		t.Errorf("%+v, %v", a, ok)
	}
	r.signal(pid, syscall.SIGTERM)
	r.logged("Server stopped")
	r.until("the pid file is gone", func() bool {
		_, err := os.Stat(filepath.Join(r.dir, "myserver.pid"))
		return errors.Is(err, os.ErrNotExist)
	})
}

// TestFile: the file wins over the flags, and a reload reads it again.
func TestFile(t *testing.T) {
	for _, kind := range []string{"thread", "process"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "my.yml")
			write(t, file, "workers: 2\nmessage: Better work!\nsleep: 0.1\n")
			r := startIn(t, dir, "-t", kind, "-w", "1", "-c", "my.yml")
			r.workers(2)
			if a, _ := r.ask(); a.message != "Better work!" {
				t.Errorf("%+v", a)
			}
			top := r.top()
			write(t, file, "workers: 1\nmessage: Best work!\nsleep: 0.1\n")
			r.signal(top, syscall.SIGUSR2)
			r.until("the new message is answered", func() bool {
				a, ok := r.ask()
				return ok && a.message == "Best work!" && a.worker == 0
			})
			r.logged("INFO -- : Best work! ")
			r.logged(`worker exited: exit 0 .*incarnation=1\.1\.1`)

			write(t, file, "worker: 1\n") // a typing mistake changes nothing
			r.signal(top, syscall.SIGUSR2)
			r.logged("reload refused.*my.yml:1.*workers")
			if a, ok := r.ask(); !ok || a.message != "Best work!" {
				t.Errorf("%+v, %v", a, ok)
			}
			r.signal(top, syscall.SIGTERM)
			if code := r.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// TestRefused: what cannot run says why in one line and is not 0.
func TestRefused(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for _, c := range []struct {
		name, flags, says string
		code              int
	}{
		{"unknown type", "-t nope", "worker_type nope", 1},
		{"no file", "-c missing.yml", "missing.yml", 1},
		{"wrong flag", "-e x", "invalid value", 2},
		{"busy port", "-t process -p " + port, port, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, strings.Fields(c.flags)...)
			if code := r.code(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if said := r.out.String() + r.log(); !strings.Contains(said, c.says) {
				t.Errorf("it says %q, not %q", said, c.says)
			}
		})
	}
}

// TestSignals holds the table of signals in README.md, as far as the outside can tell.
func TestSignals(t *testing.T) {
	for _, kind := range []string{"embedded", "thread", "process", "spawn"} {
		for _, c := range []struct {
			signal syscall.Signal
			ends   bool
			says   string
		}{
			{syscall.SIGTERM, true, "graceful stop: TERM"},
			{syscall.SIGINT, true, "graceful stop: interrupt"},
			{syscall.SIGQUIT, true, "immediate stop: QUIT"},
			{syscall.SIGUSR1, false, "graceful restart finished"},
			{syscall.SIGHUP, false, "(graceful|immediate) restart finished"},
			{syscall.SIGUSR2, false, "configuration: nothing changed"},
			{syscall.SIGCONT, false, "dump written to"},
			{syscall.SIGTTIN, false, "workers 2 → 3"},
			{syscall.SIGTTOU, false, "workers 2 → 1"},
		} {
			t.Run(kind+"/"+c.signal.String(), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write(t, filepath.Join(dir, "my.yml"), "sigdump_dir: "+dir+"\n")
				r := startIn(t, dir, "-t", kind, "-w", "2", "-c", "my.yml")
				r.logged("server ready")
				r.signal(r.top(), c.signal)
				r.logged(c.says)
				if !c.ends {
					r.until("it still answers", func() bool { _, ok := r.ask(); return ok })
					r.signal(r.top(), syscall.SIGTERM)
				}
				if code := r.code(); code != 0 {
					t.Errorf("exit code %d", code)
				}
			})
		}
	}
}

// TestWorkerSignals: what signals to a worker's own pid do.
func TestWorkerSignals(t *testing.T) {
	for _, c := range []struct {
		signal syscall.Signal
		says   string
		stays  bool
	}{
		{syscall.SIGTERM, `worker exited: exit 0 .*incarnation=1\.0\.1`, false},
		{syscall.SIGINT, `worker exited: exit 0 .*incarnation=1\.0\.1`, false},
		{syscall.SIGUSR1, `worker exited: exit 0 .*incarnation=1\.0\.1`, false},
		{syscall.SIGQUIT, `worker exited unexpectedly: exit 2 .*incarnation=1\.0\.1`, false},
		{syscall.SIGHUP, `worker exited unexpectedly: signal HUP .*incarnation=1\.0\.1`, false},
		{syscall.SIGKILL, `worker exited unexpectedly: signal KILL .*incarnation=1\.0\.1`, false},
		{syscall.SIGCONT, `dump written to .*worker=0`, true},
		{syscall.SIGUSR2, ``, true},
	} {
		t.Run(c.signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "my.yml"), "sigdump_dir: "+dir+"\n")
			r := startIn(t, dir, "-t", "process", "-w", "1", "-c", "my.yml")
			r.logged("server ready")
			before := r.workers(1)[0]
			r.signal(before, c.signal)
			r.logged(c.says)
			if !c.stays {
				r.logged(`Awesome work! incarnation=1\.0\.2`)
			}
			if after := r.workers(1)[0]; (after == before) != c.stays {
				t.Errorf("pid %d before, %d after", before, after)
			}
			r.signal(r.top(), syscall.SIGTERM)
			if code := r.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
