//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// side is one of the two that play the stories.
type side struct {
	name    string   // "ours" or "original"
	version string   // of the original
	command []string // to which the configuration file is added
	self    string   // path of this program
}

// play is one variant of a story on one side, in a directory of its own.
type play struct {
	variant
	side     side
	dir      string
	settings []setting
	broken   string // stands in the file instead of the settings
	port     int
	handed   *os.File // a listening socket that the program is started with

	cmd     *exec.Cmd
	stdin   io.WriteCloser // with command_sender: pipe
	ended   chan struct{}
	code    int // once ended
	endedAt time.Time

	acted   time.Time // when the last action was
	seen    int       // marks that were there by then
	clients *clients
}

// stage makes what a play needs. The directory is open to everybody, for those that change
// their user.
func stage(v variant, s side, scratch string) (*play, error) {
	dir, err := os.MkdirTemp(scratch, "play")
	if err != nil {
		return nil, err
	}
	// Resolved, since a working directory is compared with it.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	p := &play{variant: v, side: s, dir: dir, settings: v.base(), port: nextPort()}
	if p.value("my_port") == "LOW" {
		p.port = lowPort()
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return nil, err
	}
	return p, p.open("marks")
}

// open makes a file that everybody may write to.
func (p *play) open(name string) error {
	f, err := os.Create(p.path(name))
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o666), f.Close())
}

func (p *play) path(name string) string { return filepath.Join(p.dir, name) }

// run plays the story and leaves nothing behind. The error says which step failed.
func (p *play) run() error {
	err := p.perform()
	err = errors.Join(err, p.leave(err == nil))
	if err != nil {
		return fmt.Errorf("%w%s", err, p.evidence())
	}
	return nil
}

func (p *play) perform() error {
	for _, s := range p.story.steps {
		if err := s.do(p); err != nil {
			return fmt.Errorf("%q: %w", s.text, err)
		}
	}
	return nil
}

// leave ends what still runs. Ours has to end completely by a TERM to its top; that the
// original leaves nothing behind is asked only where a story says so.
func (p *play) leave(fine bool) error {
	if p.clients != nil {
		p.clients.stop()
	}
	if p.handed != nil {
		_ = p.handed.Close() // nothing was written
	}
	var err error
	if fine {
		p.terminate()
		if p.side.name == "ours" {
			err = p.awaitGone(patience)
		} else {
			_ = p.awaitGone(2 * time.Second) // what is left is swept away
		}
	}
	if err != nil {
		err = fmt.Errorf("at the end, TERM: %w", err)
	}
	err = errors.Join(err, sweep(p.dir))
	if p.cmd != nil {
		<-p.ended
	}
	p.removeDumps()
	return err
}

// terminate sends TERM to the top, if it is still there.
func (p *play) terminate() {
	top, err := p.topPid()
	if err != nil {
		return
	}
	if p.cmd.Process.Pid == top {
		select {
		case <-p.ended:
			return // the number may be a stranger's by now
		default:
		}
	}
	_ = syscall.Kill(top, syscall.SIGTERM) // gone, at best
}

// removeDumps removes the dump files that this play's processes have written into /tmp.
func (p *play) removeDumps() {
	marks, err := readMarks(p.path("marks"))
	if err != nil {
		return
	}
	pids := map[int]bool{}
	if p.cmd != nil {
		pids[p.cmd.Process.Pid] = true
	}
	for _, m := range marks {
		pids[m.pid] = true
	}
	for pid := range pids {
		_ = os.Remove(dumpFile(pid)) // most have none
	}
}

func dumpFile(pid int) string { return fmt.Sprintf("/tmp/sigdump-%d.log", pid) }

// evidence is what the program has left to judge a failure by.
func (p *play) evidence() string {
	var b strings.Builder
	for _, name := range []string{"config.yml", "marks", "output", "errors", "server.log"} {
		text, err := os.ReadFile(p.path(name))
		if err != nil || len(text) == 0 {
			continue
		}
		const most = 3000
		if len(text) > most {
			text = text[len(text)-most:]
		}
		fmt.Fprintf(&b, "\n--- %s\n%s", name, text)
	}
	return b.String()
}

// write writes the configuration file, in one step: a reload never sees half of it.
func (p *play) write() error {
	text := p.broken
	if text == "" {
		var b strings.Builder
		for _, s := range p.settings {
			value := strings.NewReplacer("PORT", fmt.Sprint(p.port), "LOW", fmt.Sprint(p.port), "DIR", p.dir).Replace(s.value)
			fmt.Fprintf(&b, ":%s: %s\n", s.key, value) // Ruby's symbols: a file of the original's works as it is
		}
		text = b.String()
	}
	next := p.path("config.yml.new")
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, p.path("config.yml"))
}

func (p *play) value(key string) string {
	for _, s := range p.settings {
		if s.key == key {
			return s.value
		}
	}
	return ""
}

// begin starts the program, in a session of its own: away from the terminal, and killed by
// nobody's Ctrl-C.
func (p *play) begin() error {
	if err := p.write(); err != nil {
		return err
	}
	out, err := os.OpenFile(p.path("output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer out.Close() // the child has it
	errs, err := os.OpenFile(p.path("errors"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer errs.Close()
	args := append(append([]string{}, p.side.command...), "config.yml")
	if p.handed != nil { // LISTEN_PID has to be that of the program
		args = append([]string{"sh", "-c", `LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"`, "sh"}, args...)
	}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, out, errs
	p.cmd.Env = append(os.Environ(), marksEnv+"="+p.path("marks"), selfEnv+"="+p.side.self, "SERVERENGINE_SOCKETMANAGER_SOCK_DIR="+p.dir)
	if p.handed != nil {
		p.cmd.ExtraFiles = []*os.File{p.handed}
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p.value("command_sender") == "pipe" {
		if p.stdin, err = p.cmd.StdinPipe(); err != nil {
			return err
		}
	}
	p.act()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // the code says how
		p.code, p.endedAt = p.cmd.ProcessState.ExitCode(), time.Now()
		close(p.ended)
	}()
	return nil
}

// act notes an action: what is expected from now on has to come after it.
func (p *play) act() {
	marks, err := readMarks(p.path("marks"))
	if err == nil {
		p.seen = len(marks)
	}
	p.acted = time.Now()
}

// awaitEnd waits for the process that begin has started.
func (p *play) awaitEnd(limit time.Duration) error {
	select {
	case <-p.ended:
		return nil
	case <-time.After(limit):
		return errors.New("it does not end")
	}
}

func (p *play) awaitGone(limit time.Duration) error {
	var left []int
	err := until(limit, func() (bool, error) {
		left = inhabitants(p.dir)
		return len(left) == 0, nil
	})
	if err != nil {
		var names []string
		for _, pid := range left {
			names = append(names, fmt.Sprintf("%d (%s)", pid, title(pid)))
		}
		return fmt.Errorf("still there: %s", strings.Join(names, ", "))
	}
	return nil
}
