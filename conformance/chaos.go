//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// chaosOptions are those of the chaos command.
type chaosOptions struct {
	seed    uint64
	length  time.Duration
	workers int
	clients int
	out     io.Writer
}

// chaosCommand is "conformance chaos": it returns the exit code.
func chaosCommand(ctx context.Context, args []string) int {
	o := chaosOptions{workers: 4, clients: 8, out: os.Stderr}
	flags := flag.NewFlagSet("chaos", flag.ExitOnError)
	flags.Uint64Var(&o.seed, "seed", 1, "`number` that decides what happens")
	flags.DurationVar(&o.length, "for", time.Minute, "how long")
	_ = flags.Parse(args) // ExitOnError
	scratch, ours, err := prepare()
	defer os.RemoveAll(scratch)
	if err == nil {
		err = runChaos(ctx, o, scratch, ours)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// chaos is one run: a tree under load, and what is done to it. Which actions come in which
// order, and at which slots they aim, follows from the seed alone; what time makes of them
// does not.
type chaos struct {
	chaosOptions
	choice   *rand.Rand // of actions
	random   *rand.Rand // of the action at hand
	dir      string
	logs     string // the log's directory, a small file system of its own if that can be had
	small    bool   // logs is one
	port     int
	settings []setting
	writing  int    // configurations written so far
	broken   string // stands for the number of workers, and is none

	cmd       *exec.Cmd
	words     io.WriteCloser // the top's standard input
	ended     chan struct{}
	exit      int
	wanted    int            // workers
	file      int            // workers, as the file says
	message   string         // as the file says
	guess     bool           // the top knows how many, and we don't
	least     kind           // of the round's actions
	frozen    map[int]bool   // processes that we have stopped
	condemned map[int]bool   // processes that must not survive the round
	load      *load          // the clients
	socket    string         // inode of the listening socket
	history   []string       // of actions
	doings    map[string]int // how often each action was done
	usual     counts         // of the start
}

func runChaos(ctx context.Context, o chaosOptions, scratch string, ours side) (err error) {
	c := &chaos{chaosOptions: o, choice: rand.New(rand.NewPCG(o.seed, 0)), port: nextPort(),
		frozen: map[int]bool{}, condemned: map[int]bool{}, doings: map[string]int{}}
	if c.dir, err = os.MkdirTemp(scratch, "chaos"); err != nil {
		return err
	}
	if c.dir, err = filepath.EvalSymlinks(c.dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.clear()) }()
	if err := c.prepare(); err != nil {
		return err
	}
	if err := c.torment(ctx, ours); err != nil {
		return fmt.Errorf("seed %d: %w%s", o.seed, err, c.evidence())
	}
	for round := range deaths {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err := c.killTop(ours); err != nil {
			return fmt.Errorf("seed %d, death %d of the top: %w%s", o.seed, round+1, err, c.evidence())
		}
	}
	return nil
}

// deaths is how often the top is killed, in rounds of their own.
const deaths = 5

// prepare writes the configuration. Its numbers are small, so that much happens in a minute.
func (c *chaos) prepare() error {
	c.logs, c.wanted = filepath.Join(c.dir, "logs"), c.workers
	c.file, c.message = c.workers, "m0"
	if err := os.Mkdir(c.logs, 0o755); err != nil {
		return err
	}
	c.small = syscall.Mount("tmpfs", c.logs, "tmpfs", 0, "size=16m") == nil // root only
	if !c.small {
		fmt.Fprintln(c.out, "chaos: no small file system for the log: its disk is never full")
	}
	c.settings = []setting{
		{"supervisor", "true"}, {"worker_type", "process"}, {"workers", fmt.Sprint(c.workers)},
		{"my_port", fmt.Sprint(c.port)}, {"message", c.message}, {"command_sender", "pipe"},
		{"max_generations", "100"}, // a flood has many live restarts, and an old server may finish
		{"log", filepath.Join("logs", "server.log")}, {"log_rotate_size", "200000"}, {"log_rotate_age", "20"},
		{"sigdump_dir", c.dir}, {"orphan_timeout", fmt.Sprint(orphanTimeout)},
		{"restart_backoff", "0.05"}, {"restart_backoff_max", "0.2"}, {"max_restarts", "0"}, {"server_restart_wait", "0.1"},
		{"worker_heartbeat_interval", "0.2"}, {"worker_heartbeat_timeout", "2"},
		{"server_heartbeat_interval", "0.2"}, {"server_heartbeat_timeout", "2"},
		{"worker_immediate_kill_interval", "0.5"}, {"worker_immediate_kill_timeout", "1"},
		{"server_immediate_kill_interval", "0.5"}, {"server_immediate_kill_timeout", "1"},
	}
	return c.write()
}

// write writes the configuration file in one step.
func (c *chaos) write() error {
	text := ""
	for _, s := range c.settings {
		text += s.key + ": " + s.value + "\n"
	}
	if c.broken != "" {
		text = strings.Replace(text, "\nworkers: ", "\nworkers: "+c.broken, 1)
	}
	next := filepath.Join(c.dir, "config.yml.new")
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(c.dir, "config.yml"))
}

func (c *chaos) begin(ours side) error {
	out, err := os.OpenFile(filepath.Join(c.dir, "output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close() // the child has it
	c.cmd = exec.Command(ours.self, "served", "config.yml")
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = c.dir, out, out
	c.cmd.Env = append(os.Environ(), marksEnv+"="+os.DevNull)
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if c.words, err = c.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := c.cmd.Start(); err != nil {
		return err
	}
	c.ended = make(chan struct{})
	go func() {
		_ = c.cmd.Wait() // the code says how
		c.exit = c.cmd.ProcessState.ExitCode()
		close(c.ended)
	}()
	if err := c.settle(); err != nil {
		return fmt.Errorf("at the start: %w", err)
	}
	c.usual = c.count()
	c.socket, err = listeningSocket(c.port)
	return err
}

// torment is the main part: rounds of actions, and a look at everything after each, until
// the time is over or ctx ends.
func (c *chaos) torment(ctx context.Context, ours side) error {
	if err := c.begin(ours); err != nil {
		return err
	}
	c.load = newLoad(c.port, c.clients)
	defer c.load.stop()
	deadline := time.Now().Add(c.length)
	rounds := 0
	for ; time.Now().Before(deadline) && ctx.Err() == nil; rounds++ {
		before := c.tree()
		names, err := c.round()
		if err == nil {
			err = c.settle()
		}
		if err == nil {
			err = errors.Join(c.inspect(before), c.judge())
		}
		if err != nil {
			return fmt.Errorf("round %d, %v: %w", rounds+1, names, err)
		}
	}
	err := c.finish()
	fmt.Fprintf(c.out, "chaos: seed %d: %d rounds, %s; actions %v\n", c.seed, rounds, c.load.summary(), c.doings)
	return errors.Join(err, c.judge())
}

// judge is about the clients' losses.
func (c *chaos) judge() error {
	first, problem := c.load.judge()
	if problem != nil {
		problem = fmt.Errorf("%w%s", problem, c.logAround(first))
	}
	return problem
}

// finish ends the tree as an operator does.
func (c *chaos) finish() error {
	c.load.stop()
	_ = syscall.Kill(c.cmd.Process.Pid, syscall.SIGTERM) // gone, at worst: then the code says so
	select {
	case <-c.ended:
	case <-time.After(patience):
		return errors.New("it does not end")
	}
	if c.exit != 0 {
		return fmt.Errorf("it ends with code %d", c.exit)
	}
	return c.allGone(patience)
}

// killTop is a round of its own: with the top everything ends, and nothing is left, whatever
// was under way. Only what is stopped could not notice.
func (c *chaos) killTop(ours side) error {
	c.settings, c.broken, c.wanted = put(c.settings, setting{"workers", fmt.Sprint(c.workers)}), "", c.workers
	c.file, c.guess = c.workers, false
	if err := c.write(); err != nil {
		return err
	}
	if err := c.begin(ours); err != nil {
		return err
	}
	c.load = newLoad(c.port, c.clients) // what they lose is not asked
	d := c.choose()
	if err := c.act(d); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	for pid := range c.frozen {
		_ = strike(pid, syscall.SIGCONT) // gone, at best
	}
	time.Sleep(time.Duration(c.random.IntN(300)) * time.Millisecond) // into the midst of what that began
	err := c.cmd.Process.Kill()
	<-c.ended
	c.load.stop()
	if err == nil {
		err = c.allGone((orphanTimeout + 3) * time.Second) // the machine is busy
	}
	if err != nil {
		err = fmt.Errorf("after %q: %w", d.name, err)
	}
	clear(c.frozen)
	clear(c.condemned)
	return err
}

// orphanTimeout is in seconds.
const orphanTimeout = 3

func (c *chaos) allGone(limit time.Duration) error {
	err := until(limit, func() (bool, error) { return len(inhabitants(c.dir)) == 0, nil })
	if err != nil {
		return fmt.Errorf("still there: %v", inhabitants(c.dir))
	}
	return nil
}

// clear leaves nothing behind, whatever has happened.
func (c *chaos) clear() error {
	if c.load != nil {
		c.load.stop()
	}
	err := sweep(c.dir)
	if c.ended != nil {
		<-c.ended
	}
	if c.small {
		err = errors.Join(err, c.unmount())
	}
	return err
}

// unmount waits for the files of those that have ended: the kernel closes them after it has
// let go of their working directory, by which sweep knows them.
func (c *chaos) unmount() error {
	var err error
	_ = until(patience, func() (bool, error) { // what err tells as well
		err = syscall.Unmount(c.logs, 0)
		return !errors.Is(err, syscall.EBUSY), nil
	})
	if err != nil {
		return fmt.Errorf("unmount %s: %w", c.logs, err)
	}
	return nil
}

// evidence is what there is to judge a failure by.
func (c *chaos) evidence() string {
	text := "\n--- actions\n" + strings.Join(c.history[max(0, len(c.history)-20):], "\n") + "\n--- processes\n"
	for _, pid := range inhabitants(c.dir) {
		text += fmt.Sprintf("%d, parent %d, state %s\n", pid, parentOf(pid), statField(pid, 0))
	}
	for _, name := range []string{"config.yml", "output", "logs/server.log"} {
		b, err := os.ReadFile(filepath.Join(c.dir, name))
		if err != nil {
			continue
		}
		told := dumped.ReplaceAllString(string(b), "")
		text += fmt.Sprintf("--- end of %s\n%s", name, told[max(0, len(told)-12000):])
	}
	return text
}

// dumped are the lines of our own questions to the top.
var dumped = regexp.MustCompile(`(?m)^.*(signal CONT: dump|dump written to).*\n`)
