package workers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// keeper is the worker of a spawn worker's process: its Run is a plain command, in the
// same process group. So the life-line, the kill ladder, the log and what holds for orphans
// are those of every worker process; the keeper only translates: a Stop becomes TERM, then
// QUIT, a reload the signal for it, or a word on the command's stdin.
type keeper struct {
	child *child
	cmd   Command
	words bool // it is told by words on its stdin (command_sender: pipe)

	mu   sync.Mutex
	proc *procbridge.Process
	stop *messages.Mode // that came before the command was there
}

func newKeeper(c *child, body []byte) (*keeper, error) {
	k := &keeper{child: c, words: c.cfg.CommandSender == config.SenderPipe}
	var err error
	if k.cmd, err = decodeCommand(body); err != nil {
		return nil, fmt.Errorf("read the command: %w", err)
	}
	c.catchQuit()
	return k, nil
}

func (k *keeper) code() Code {
	return Code{Name: k.child.code.Name, Readiness: ByCall, New: func(*Self) (Worker, error) { return k, nil }}
}

// Run starts the command and ends as it does.
func (k *keeper) Run(_ context.Context, self *Self) error {
	files, names, err := k.sockets()
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			_ = f.Close() // copies for the command
		}
	}()
	who, err := userOf(k.cmd.User, k.cmd.Group)
	if err != nil {
		return err
	}
	p, err := procbridge.Start(procbridge.Command{
		Path: k.cmd.Path, Args: append([]string{k.cmd.Path}, k.cmd.Args...), Env: k.env(len(files)), Dir: k.cmd.Dir,
		Stdout: os.Stdout, Stderr: os.Stderr, User: who,
		Lines: k.words, SameGroup: true, Foreign: files, ForeignNames: names,
	})
	if err != nil {
		return err
	}
	self.say(messages.CommandStarted{Pid: p.Pid()})
	// A command counts as ready once it has run for a while: it can't say so.
	defer time.AfterFunc(self.Config().WorkerReadyAfter, self.Ready).Stop()
	k.has(p)
	return k.await(p, self)
}

func (k *keeper) await(p *procbridge.Process, self *Self) error {
	for e := range p.Events() {
		if e, ok := e.(procbridge.Exited); ok {
			self.say(messages.CommandExited{Exit: e.Exit})
			return &ExitError{Code: e.Exit.Code}
		}
	}
	return errors.New("the command is gone and nobody knows how it ended")
}

// env is the keeper's own environment, less what is about the keeper, and more of what the
// command asked for.
func (k *keeper) env(sockets int) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "GOMAXPROCS=") || strings.HasPrefix(v, "EINHORN_FD_")
	})
	if sockets > 0 {
		env = append(env, "EINHORN_FD_COUNT="+strconv.Itoa(sockets))
		for i := range sockets {
			env = append(env, fmt.Sprintf("EINHORN_FD_%d=%d", i, 3+i))
		}
	}
	return append(env, k.cmd.Env...)
}

// sockets gets the descriptors of the listed addresses from the top process.
func (k *keeper) sockets() (files []*os.File, names []string, err error) {
	if len(k.cmd.Listen) == 0 {
		return nil, nil, nil
	}
	client, err := k.child.client()
	if err != nil {
		return nil, nil, err
	}
	for _, a := range k.cmd.Listen {
		network, address, err := config.SplitAddress(a)
		if err != nil {
			return files, nil, fmt.Errorf("App.Spawn: Listen: %w", err)
		}
		f, err := client.Export(network, address)
		if err != nil {
			return files, nil, err
		}
		files, names = append(files, f), append(names, strings.ReplaceAll(a, ":", "_")) // names are joined by colons
	}
	return files, names, nil
}

func (k *keeper) has(p *procbridge.Process) {
	k.mu.Lock()
	k.proc = p
	stop := k.stop
	k.mu.Unlock()
	if stop != nil {
		k.tellStop(*stop)
	}
}

// process is the command's, or nil while there is none.
func (k *keeper) process() *procbridge.Process {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.proc
}

// tellStop tells the command to end, as soon as it is there.
func (k *keeper) tellStop(mode messages.Mode) {
	k.mu.Lock()
	early := k.proc == nil
	if early {
		k.stop = &mode
	}
	k.mu.Unlock()
	if early {
		return
	}
	if mode == messages.Immediate {
		k.tell("QUIT", "IMMEDIATE_STOP")
		return
	}
	k.tell("TERM", "GRACEFUL_STOP")
}

// tellReload is called with every new configuration.
func (k *keeper) tellReload(cfg config.Config) {
	k.tell(cfg.WorkerReloadSignal, "RELOAD")
}

func (k *keeper) tellDump() { k.tell("", "DUMP") }

// tell sends a signal, or with command_sender: pipe a word. An empty signal sends none.
func (k *keeper) tell(signal, word string) {
	p := k.process()
	if p == nil {
		return
	}
	var err error
	switch {
	case k.words:
		err = p.WriteLine(word)
	case signal != "":
		var s os.Signal
		if s, err = procbridge.SignalByName(signal); err == nil {
			err = p.Signal(s)
		}
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		k.child.log.Warnf("tell the command: %v", err)
	}
}

// Reload is called by the life when a new configuration is there.
func (k *keeper) Reload(_ context.Context, cfg config.Config) error {
	k.tellReload(cfg)
	return nil
}
