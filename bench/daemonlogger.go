package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// daemonLogger lets four forked processes write lines through ServerEngine's DaemonLogger,
// once for each number of lines it reads.
const daemonLogger = `
require 'serverengine'
log = ServerEngine::DaemonLogger.new(ARGV[0], log_rotate_age: 5, log_rotate_size: 1048576)
line = 'x' * 99 + "\n"
$stdout.sync = true
puts 'ready'
while (lines = $stdin.gets)
  pids = 4.times.map { fork { lines.to_i.times { log << line }; exit!(0) } }
  ok = pids.map { |pid| Process.wait2(pid)[1].success? }.all?
  puts(ok ? 'done' : 'failed')
end
`

// ruby is a running interpreter of that program.
type ruby struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// compareDaemonLogger compares lines as they are with the original, where it is installed.
func compareDaemonLogger(o options, r *report, w *writing) error {
	if err := exec.Command("ruby", "-e", "require 'serverengine'").Run(); err != nil {
		r.say("  skipped: DaemonLogger, as ruby-serverengine is not installed")
		return nil
	}
	other, err := startRuby(filepath.Join(o.dir, "daemonlogger.log"))
	if err != nil {
		return err
	}
	p, err := interleave(o.pairs(21, 7),
		func() (float64, error) { return w.through(false) },
		func() (float64, error) { return other.write(w) })
	if err := errors.Join(err, other.stop()); err != nil {
		return err
	}
	r.side("DaemonLogger, 4 processes, << with rotation", "million/s", p.floor)
	low, high := interval(p.ratios())
	r.tell("log, ours against DaemonLogger", "%.2f, 95 %% interval %.2f to %.2f", median(p.ratios()), low, high)
	return nil
}

func startRuby(path string) (*ruby, error) {
	cmd := exec.Command("ruby", "-e", daemonLogger, path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &ruby{cmd: cmd, in: in, out: bufio.NewReader(out)}
	return r, r.expect("ready")
}

func (r *ruby) expect(word string) error {
	got, err := r.out.ReadString('\n')
	if strings.TrimSpace(got) != word {
		return fmt.Errorf("ruby said %q, want %q: %w", got, word, err)
	}
	return nil
}

// write is a round: millions of lines per second.
func (r *ruby) write(w *writing) (float64, error) {
	start := time.Now()
	if _, err := fmt.Fprintln(r.in, w.lines); err != nil {
		return 0, err
	}
	err := r.expect("done")
	return w.rate(start), err
}

func (r *ruby) stop() error { return errors.Join(r.in.Close(), r.cmd.Wait()) }
