package procbridge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// startup is what one Start opens: everything in it is closed after the start, except what
// the Process takes over.
type startup struct {
	cmd      *Command
	std      [3]*os.File
	extra    []*os.File // descriptors 3, 4, ... of the child
	opened   []*os.File // the child's ends, to be closed here in any case
	up, down *os.File   // this side's ends
}

// Start starts a child process. Nothing of it is inherited by accident: descriptors it was
// not given are closed on exec. The image may be released afterwards.
//
// The error is a *StartError that says what is wrong in words, for a program that is
// missing, not executable or of a wrong format, for a missing directory or a limit reached.
// A start that succeeds says that the program was executed, no more: whether it is one of
// ours shows its Hello.
func Start(c Command) (*Process, error) {
	if err := c.check(); err != nil {
		return nil, &StartError{Path: c.path(), Dir: c.Dir, User: c.User, Problem: err.Error(), Err: err}
	}
	if err := c.locate(); err != nil {
		return nil, err
	}
	s := &startup{cmd: &c}
	defer s.closeOpened()
	p, err := s.start()
	if err != nil {
		s.abandon()
		return nil, explain(err, subject{path: c.path(), dir: c.Dir, user: c.User})
	}
	return p, nil
}

func (s *startup) start() (*Process, error) {
	if err := s.openStd(); err != nil {
		return nil, err
	}
	if err := s.openPipes(); err != nil {
		return nil, err
	}
	started := time.Now()
	proc, dies, err := s.exec()
	if err != nil {
		return nil, err
	}
	return s.adopt(proc, dies, started), nil
}

// adopt makes a Process of a started program and sets its goroutines to work.
func (s *startup) adopt(proc *os.Process, dies tree, started time.Time) *Process {
	p := &Process{
		os: proc, pid: proc.Pid, tree: dies,
		down: s.down, up: s.up, wire: s.cmd.Wire, max: s.cmd.MaxBody,
		events: make(chan Event, eventQueue), upDone: make(chan struct{}), dying: make(chan struct{}),
		start: started,
	}
	if p.down != nil {
		p.queue = newOutbox(p.down, s.cmd.MaxBody, s.cmd.UserQueue)
	}
	if p.up != nil {
		go p.readUp()
	}
	go p.watch()
	return p
}

// openStd settles descriptors 0, 1 and 2.
func (s *startup) openStd() error {
	s.std = [3]*os.File{s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr}
	if s.cmd.Lines {
		r, w, err := s.pipe()
		if err != nil {
			return err
		}
		s.std[0], s.down = r, w
		s.opened = append(s.opened, r)
	}
	var null *os.File
	for k := range s.std {
		if s.std[k] != nil {
			continue
		}
		if null == nil {
			f, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
			if err != nil {
				return fmt.Errorf("open the null device: %w", err)
			}
			null = f
			s.opened = append(s.opened, f)
		}
		s.std[k] = null
	}
	return nil
}

// openPipes makes the two pipes of a wire child and copies of what it is given.
func (s *startup) openPipes() error {
	if s.cmd.Wire {
		r, w, err := s.pipe()
		if err != nil {
			return err
		}
		s.down, s.extra, s.opened = w, append(s.extra, r), append(s.opened, r)
		if r, w, err = s.pipe(); err != nil {
			return err
		}
		s.up, s.extra, s.opened = r, append(s.extra, w), append(s.opened, w)
	}
	given := s.cmd.Foreign
	for _, f := range s.cmd.Files {
		given = append(given[:len(given):len(given)], f.File)
	}
	for _, f := range given {
		twin, err := duplicate(f)
		if err != nil {
			return fmt.Errorf("duplicate %s for the child: %w", f.Name(), err)
		}
		s.extra, s.opened = append(s.extra, twin), append(s.opened, twin)
	}
	return nil
}

func (s *startup) pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil {
		return nil, nil, fmt.Errorf("open a pipe to the child: %w", err)
	}
	return r, w, nil
}

// grant is what the child is told, when the descriptors of extra have these numbers there.
func (s *startup) grant(numbers []uintptr) *grant {
	c := s.cmd
	g := &grant{
		V: grantVersion, Down: numbers[0], Up: numbers[1], Max: c.MaxBody, Queue: c.UserQueue,
		Path: c.path(), Info: c.Info,
	}
	if g.Max <= 0 {
		g.Max = DefaultMaxBody
	}
	if g.Queue <= 0 {
		g.Queue = defaultUserQueue
	}
	if c.Image != nil {
		g.Comm = filepath.Base(c.Image.Path())
	}
	if len(c.Files) > 0 {
		g.Files = make(map[string]uintptr, len(c.Files))
	}
	for k, f := range c.Files {
		g.Files[f.Name] = numbers[2+k]
	}
	return g
}

// closeOpened closes the copies that belong to the child. Nothing was written through
// them here, so closing has no error to tell.
func (s *startup) closeOpened() {
	for _, f := range s.opened {
		_ = f.Close()
	}
}

func (s *startup) abandon() {
	for _, f := range []*os.File{s.up, s.down} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// bare takes the path out of an error: the path is told by StartError.
func bare(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
