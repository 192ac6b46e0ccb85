package procbridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// EnvVar is the environment variable by which a child knows its bridge: JSON with the
// numbers of its descriptors. It is taken and unset at once, so that grandchildren are no
// children.
const EnvVar = "SERVERENGINE_BRIDGE"

// grant is the content of EnvVar. Unknown keys are ignored.
type grant struct {
	V     int                `json:"v"`              // of this variable: 1
	Down  uintptr            `json:"down"`           // pipe with the commands; its end of file is the life-line
	Up    uintptr            `json:"up"`             // pipe for the events
	Max   int                `json:"max"`            // cap on a frame's body in both directions, bytes
	Queue int                `json:"queue"`          // user frames that may wait, in each direction
	Path  string             `json:"path,omitempty"` // of the program
	Comm  string             `json:"comm,omitempty"` // short name to take, where a start would leave a number
	Files map[string]uintptr `json:"files,omitempty"`
	Info  map[string]string  `json:"info,omitempty"`
}

// grantVersion is the version of EnvVar's content.
const grantVersion = 1

// NamedFile is a descriptor for a child that knows the bridge, to be got by name.
type NamedFile struct {
	Name string
	File *os.File
}

// User is who a child runs as. Only root may choose. Where it is the parent's own user and
// group nothing changes, and Groups is ignored.
type User struct {
	Uid, Gid uint32
	Groups   []uint32 // supplementary groups; empty = none
}

// Command says what to start. Files given to it stay the caller's: the child has copies.
type Command struct {
	// Image is the program, Path the alternative: exactly one of them. A Path without a
	// separator is looked up in PATH; a relative one is relative to Dir.
	Image *Image
	Path  string

	// Args is the whole argv. Args[0] is free to choose. Empty = the path alone.
	Args []string

	// Env is the whole environment, nil = this process's. Of two entries with one name the
	// last counts. LISTEN_*, NOTIFY_SOCKET, WATCHDOG_* and EnvVar are removed in any case:
	// they were meant for this process.
	Env []string

	// Dir is the working directory, "" = this process's.
	Dir string

	// Stdin, Stdout and Stderr, nil = the null device. They become blocking.
	Stdin, Stdout, Stderr *os.File

	// Files are extra descriptors of a Wire child, which gets them by [Parent.File]. Their
	// blocking mode is left as it is.
	Files []NamedFile

	// Foreign are the descriptors 3, 4, ... of a plain command in the manner of socket
	// activation: LISTEN_FDS, LISTEN_FDNAMES (ForeignNames, if given) and LISTEN_PID are set
	// for it. Only a process itself knows its pid in time, so such a command is started
	// through /bin/sh, which replaces itself by it; Args[0] is then the path. Not on Windows.
	Foreign      []*os.File
	ForeignNames []string

	// User is who the child runs as, nil = as this process.
	User *User

	// Wire gives the child the two pipes with frames. Without it the child is a plain
	// command: its only event is Exited.
	Wire bool

	// Lines gives a plain command a pipe as stdin, for [Process.WriteLine].
	Lines bool

	// SameGroup leaves the child in this process's group. The default is a group of its own:
	// a Ctrl-C at the terminal reaches only this process, and what the child leaves behind
	// is killed with its group. Neither holds with SameGroup.
	SameGroup bool

	// Batch has the child and all it starts scheduled under SCHED_BATCH: it interrupts nobody
	// when it wakes up. Linux; elsewhere, and where it is refused, it changes nothing.
	Batch bool

	// Info is handed to a Wire child, which gets it by [Parent.Info].
	Info map[string]string

	// MaxBody caps the bodies of frames in both directions, in bytes; 0 = DefaultMaxBody. At
	// most 2 GiB less one.
	MaxBody int

	// UserQueue is how many user frames may wait, at each end and in each direction;
	// 0 = 1024, at most 16777216. Frames that wait in front of a pipe are also bound to 16 MiB together.
	UserQueue int
}

// path is the program's name for people.
func (c *Command) path() string {
	if c.Image != nil {
		return c.Image.Path()
	}
	return c.Path
}

// check finds the combinations that make no sense, before anything is opened.
func (c *Command) check() error {
	switch {
	case c.Image == nil && c.Path == "":
		return errors.New("neither Image nor Path is set")
	case c.Image != nil && c.Path != "":
		return errors.New("both Image and Path are set")
	case c.Image != nil && c.Image.refs.Load() <= 0:
		return errors.New("the Image is released")
	case c.Wire && c.Lines:
		return errors.New("both Wire and Lines are set")
	case c.Wire && len(c.Foreign) > 0:
		return errors.New("both Wire and Foreign are set: Foreign is for plain commands")
	case !c.Wire && len(c.Files) > 0:
		return errors.New("without Wire there are no Files: a plain command gets Foreign")
	case c.Lines && c.Stdin != nil:
		return errors.New("both Lines and Stdin are set")
	case len(c.Foreign) > 0 && runtime.GOOS == "windows":
		return errors.New("no Foreign descriptors on Windows")
	}
	if err := checkSizes(max(c.MaxBody, 0), max(c.UserQueue, 0)); err != nil {
		return err
	}
	return c.checkNames()
}

func (c *Command) checkNames() error {
	seen := map[string]bool{}
	for _, f := range c.Files {
		switch {
		case f.File == nil:
			return fmt.Errorf("file %q is nil", f.Name)
		case f.Name == "" || seen[f.Name]:
			return fmt.Errorf("two files are named %q, or one has no name", f.Name)
		}
		seen[f.Name] = true
	}
	for k, f := range c.Foreign {
		if f == nil {
			return fmt.Errorf("foreign descriptor %d is nil", k)
		}
	}
	if n := len(c.ForeignNames); n != 0 && n != len(c.Foreign) {
		return fmt.Errorf("%d names for %d foreign descriptors", n, len(c.Foreign))
	}
	return nil
}

// locate turns Path into what to execute, as os/exec does.
func (c *Command) locate() error {
	if c.Path == "" || c.Path != filepath.Base(c.Path) {
		return nil
	}
	found, err := exec.LookPath(c.Path)
	if err == nil {
		c.Path = found
		return nil
	}
	e := &StartError{Path: c.Path, User: c.User, Dir: c.Dir, Problem: "not found in PATH", Err: err}
	e.Hint = "give its path, or set PATH"
	if errors.Is(err, exec.ErrDot) {
		e.Problem, e.Hint = "found in the current directory only", "say ./"+c.Path+" if that is meant"
	}
	return e
}

// argv is Args with its default.
func (c *Command) argv() []string {
	if len(c.Args) > 0 {
		return c.Args
	}
	return []string{c.path()}
}

// environ is the child's environment without what was meant for this process.
func (c *Command) environ() []string {
	env := c.Env
	if env == nil {
		env = os.Environ()
	}
	seen := make(map[string]bool, len(env))
	out := make([]string, 0, len(env)+3)
	for _, entry := range slices.Backward(env) {
		name, _, _ := strings.Cut(entry, "=")
		if runtime.GOOS == "windows" {
			if name == "" { // "=C:=C:\dir"
				out = append(out, entry)
				continue
			}
			name = strings.ToUpper(name)
		}
		if !seen[name] && !ours(name) {
			seen[name] = true
			out = append(out, entry)
		}
	}
	slices.Reverse(out)
	return out
}

// ours reports whether a variable is addressed to one process and not to its children.
func ours(name string) bool {
	switch name {
	case EnvVar, "NOTIFY_SOCKET", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
		"WATCHDOG_PID", "WATCHDOG_USEC":
		return true
	}
	return false
}

// variable is the entry with the grant.
func (g *grant) variable() (string, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", EnvVar, err)
	}
	return EnvVar + "=" + string(b), nil
}
