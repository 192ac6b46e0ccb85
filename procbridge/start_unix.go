//go:build unix

package procbridge

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// activate makes a shell set LISTEN_PID and become the command: only there is the pid
// known before the command runs.
const activate = `export LISTEN_PID=$$; exec "$0" "$@"`

func (s *startup) exec() (*os.Process, tree, error) {
	env, err := s.environ()
	if err != nil {
		return nil, tree{}, err
	}
	path, done, err := s.program()
	if err != nil {
		return nil, tree{}, err
	}
	defer done()
	argv := s.cmd.argv()
	if len(s.cmd.Foreign) > 0 {
		argv = append([]string{"sh", "-c", activate, s.cmd.path()}, argv[1:]...)
		path = "/bin/sh"
	}
	group := !s.cmd.SameGroup
	start := func() (*os.Process, error) {
		return os.StartProcess(path, argv, &os.ProcAttr{
			Dir: s.cmd.Dir, Env: env, Files: append(s.std[:], s.extra...),
			Sys: &syscall.SysProcAttr{Setpgid: group, Credential: s.cmd.User.credential()},
		})
	}
	if usual := start; s.cmd.Batch {
		start = func() (*os.Process, error) { return asBatch(usual) }
	}
	proc, err := keepDumpable(s.cmd.User, start)
	if err != nil {
		return nil, tree{}, bare(err)
	}
	return proc, tree{group: group}, nil
}

// program is what to execute.
func (s *startup) program() (path string, done func(), err error) {
	c := s.cmd
	nothing := func() {}
	if len(c.Foreign) > 0 {
		return "", nothing, s.checkForeign()
	}
	if c.Image == nil {
		return c.Path, nothing, nil
	}
	highest := 0
	for _, f := range append(s.std[:], s.extra...) {
		fd, err := number(f)
		if err != nil {
			return "", nil, err
		}
		highest = max(highest, fd)
	}
	return c.Image.execPath(len(s.std)+len(s.extra), highest)
}

// checkForeign looks at the command before the shell does, which could only exit with 126
// or 127.
func (s *startup) checkForeign() error {
	about := subject{path: s.cmd.path(), dir: s.cmd.Dir, user: s.cmd.User}
	st, err := os.Stat(about.file())
	if err != nil {
		return err
	}
	if err := checkProgram(s.cmd.path(), st); err != nil {
		return err
	}
	first := head(about.file())
	system, arch := format(first)
	if with := interpreter(first); with != "" && filepath.IsAbs(with) {
		if _, err := os.Stat(with); err != nil {
			return fmt.Errorf("interpreter %s: %w", with, err)
		}
		return nil
	}
	if len(first) > 0 && (system == "" || system != ownFormat() || arch != "" && arch != runtime.GOARCH) {
		return syscall.ENOEXEC
	}
	return nil
}

// environ adds what the child is told by its environment.
func (s *startup) environ() ([]string, error) {
	env := s.cmd.environ()
	if n := len(s.cmd.Foreign); n > 0 {
		env = append(env, "LISTEN_FDS="+strconv.Itoa(n))
		if names := s.cmd.ForeignNames; len(names) > 0 {
			env = append(env, "LISTEN_FDNAMES="+strings.Join(names, ":"))
		}
	}
	if !s.cmd.Wire {
		return env, nil
	}
	numbers := make([]uintptr, len(s.extra))
	for k := range numbers {
		numbers[k] = uintptr(len(s.std) + k)
	}
	entry, err := s.grant(numbers).variable()
	if err != nil {
		return nil, err
	}
	return append(env, entry), nil
}

// credential is nil where nothing is to change, so that a start needs no right it does
// not use.
func (u *User) credential() *syscall.Credential {
	if u == nil || os.Geteuid() != 0 && int(u.Uid) == os.Geteuid() && int(u.Gid) == os.Getegid() {
		return nil
	}
	return &syscall.Credential{Uid: u.Uid, Gid: u.Gid, Groups: u.Groups}
}

// duplicate copies a descriptor without touching its blocking mode. File.Fd would make a
// listening socket blocking for all who hold it, and their Close would hang.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	twin := -1
	var dupErr error
	if raw.Control(func(fd uintptr) { twin, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) }) != nil {
		return nil, os.ErrClosed // Control's only error, which it gives another name
	}
	if dupErr != nil {
		return nil, dupErr
	}
	// NewFile finds a non-blocking descriptor non-blocking, and Fd then leaves it so.
	return os.NewFile(uintptr(twin), f.Name()), nil
}

// number is a file's descriptor, its blocking mode untouched.
func number(f *os.File) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	if raw.Control(func(fd uintptr) { n = int(fd) }) != nil {
		return 0, fmt.Errorf("%s: %w", f.Name(), os.ErrClosed)
	}
	return n, nil
}
