//go:build unix

package logging

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	roles["lines"] = roleLines
}

// roleLines writes lines of a name to the pipe on descriptor 3 and reports on
// descriptor 4, after each hundred, how many have been written.
func roleLines(args []string) int {
	name := args[0]
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return 2
	}
	p := NewPipeWriter(os.NewFile(3, "records"), "")
	p.wait = time.Minute // a slow machine must not make it drop
	report := os.NewFile(4, "report")
	for n := range count {
		if _, err := io.WriteString(p, numbered(name, n)); err != nil {
			return 3
		}
		if n%100 == 99 {
			if _, err := fmt.Fprintln(report, n+1); err != nil {
				return 4
			}
		}
	}
	if p.Lost() > 0 || p.Close() != nil {
		return 5
	}
	return 0
}

// lineProcess is a process in that role.
type lineProcess struct {
	name   string
	cmd    *exec.Cmd
	report *bufio.Scanner
	told   int // lines it reported written
}

func startLines(t *testing.T, c *Collector, name string, count int) *lineProcess {
	t.Helper()
	r, w, err := CreatePipe()
	must(t, err)
	reportR, reportW, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { reportR.Close() })
	cmd := roleCommand("lines", name, fmt.Sprint(count))
	cmd.ExtraFiles = []*os.File{w, reportW}
	cmd.Stderr = os.Stderr
	must(t, c.Add(Stream{Kind: Records, File: r, Incarnation: name}))
	must(t, cmd.Start())
	must(t, errors.Join(w.Close(), reportW.Close()))
	return &lineProcess{name: name, cmd: cmd, report: bufio.NewScanner(reportR)}
}

// listen reads reports until there are none or until says so.
func (p *lineProcess) listen(until func(n int) bool) {
	for p.report.Scan() {
		p.told, _ = strconv.Atoi(p.report.Text())
		if until(p.told) {
			return
		}
	}
}

// Four processes log through pipes into one rotating file: every line is there
// once, whole, and in the order of its process.
func TestProcessesLoseNothing(t *testing.T) {
	const processes = 4
	path, count := filepath.Join(t.TempDir(), "app.log"), scaled(250_000)
	w := openTest(t, Options{Path: path, RotateAge: 10000, RotateSize: 1 << 20}, patient())
	c := NewCollector(w, "text")
	want := map[string]int{}
	var all []*lineProcess
	for i := range processes {
		p := startLines(t, c, fmt.Sprint("p", i), count)
		want[p.name] = count
		all = append(all, p)
		go p.listen(func(int) bool { return false })
	}
	for _, p := range all {
		must(t, p.cmd.Wait())
	}
	must(t, c.Close(t.Context()))
	must(t, w.Close())
	if others := checkNumbered(t, readAll(t, path, 1<<20), want); len(others) != 0 || w.Lost() != 0 {
		t.Errorf("lost %d, other lines %q", w.Lost(), others)
	}
}

// One of the processes is killed: each line that it reported written is there.
func TestKilledProcessLosesNothing(t *testing.T) {
	path, count := filepath.Join(t.TempDir(), "app.log"), scaled(250_000)
	w := openTest(t, Options{Path: path, RotateAge: 10000, RotateSize: 1 << 20}, patient())
	c := NewCollector(w, "text")
	victim := startLines(t, c, "victim", 1<<30)
	other := startLines(t, c, "other", count)
	go other.listen(func(int) bool { return false })
	drained := make(chan struct{})
	c.Wait("victim", func([]string) { close(drained) })

	when := 100 + rand.IntN(count)
	victim.listen(func(n int) bool { return n >= when })
	must(t, victim.cmd.Process.Kill())
	victim.listen(func(int) bool { return false }) // reports on the way when it died
	if err := victim.cmd.Wait(); err == nil {
		t.Error("the process was not killed")
	}
	<-drained
	must(t, other.cmd.Wait())
	must(t, c.Close(t.Context()))
	must(t, w.Close())

	text := readAll(t, path, 1<<20)
	got := strings.Count(text, "victim ")
	if got < victim.told {
		t.Errorf("%d lines of the killed process, it had written %d", got, victim.told)
	}
	if others := checkNumbered(t, text, map[string]int{"victim": got, "other": count}); len(others) != 0 {
		t.Errorf("other lines: %q", others)
	}
}

// A process whose reader goes away goes on, with the file.
func TestOrphanedProcessAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.log")
	r, w, err := CreatePipe()
	must(t, err)
	roleDone := make(chan error, 1)
	cmd := roleCommand("orphan", path)
	cmd.ExtraFiles = []*os.File{w}
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	must(t, w.Close())
	lines := bufio.NewReader(out)
	_, err = lines.ReadString('\n') // the first record is written
	must(t, err)
	must(t, r.Close())
	must(t, in.Close())
	go func() { roleDone <- cmd.Wait() }()
	must(t, <-roleDone)
	if got := read(t, path); got != "two\nthree\n" {
		t.Errorf("%q", got)
	}
}

func init() {
	roles["orphan"] = func(args []string) int {
		p := NewPipeWriter(os.NewFile(3, "records"), args[0])
		_, err := io.WriteString(p, "one\n")
		fmt.Println("written")
		_, rerr := io.Copy(io.Discard, os.Stdin)
		_, err2 := io.WriteString(p, "two\n")
		_, err3 := io.WriteString(p, "three\n")
		if errors.Join(err, rerr, err2, err3, p.Close()) != nil || p.Lost() > 0 {
			return 1
		}
		return 0
	}
}
