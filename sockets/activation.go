package sockets

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Inherited is a descriptor this process was started with by a service manager.
type Inherited struct {
	// Name is what the service manager calls it (LISTEN_FDNAMES), or the name
	// of the variable it came in.
	Name string
	// File is close-on-exec. Sockets are non-blocking.
	File *os.File
}

// FirstListenFD is where systemd's descriptors begin.
const FirstListenFD = 3

const envListenPID = "LISTEN_PID"

// Announced is how many descriptors systemd has for this process, from FirstListenFD on. It
// takes none; where the variables make no sense it is 0, and Activated says why.
func Announced() int {
	all, _ := announcement(os.Environ()).systemd(os.Getpid())
	return len(all)
}

// AnnouncedToParent makes what systemd has announced to the process that has started this
// one, and from which it has inherited the descriptors, this process's.
func AnnouncedToParent() {
	_ = os.Setenv(envListenPID, strconv.Itoa(os.Getpid())) // can't fail for such a value
}

// Activated takes the sockets of systemd (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES) and of einhorn (EINHORN_FD_COUNT, EINHORN_FD_0 …) and removes
// these variables, so that no child takes them again. Variables meant for
// another process are removed too, its descriptors left alone. Call it once;
// give the result to Options.Inherited. A variable that makes no sense is an
// error, next to whatever could be taken. So is a number behind which is no
// socket, or one that this process has opened itself: that stays as it is.
func Activated() ([]Inherited, error) {
	announced, err := announcement(os.Environ()).parse(os.Getpid())
	unsetAnnouncement(os.Environ())
	var all []Inherited
	var failed []error
	for _, x := range announced {
		f, err := inheritedFile(x.fd, x.name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all = append(all, Inherited{Name: x.name, File: f})
	}
	return all, errors.Join(err, joinFew(failed))
}

// joinFew keeps one wrong count from filling screens.
func joinFew(errs []error) error {
	const few = 4
	if len(errs) > few {
		errs = append(errs[:few:few], fmt.Errorf("sockets: and %d more", len(errs)-few))
	}
	return errors.Join(errs...)
}

// activation is what service managers say, by the names of their variables.
type activation map[string]string

// announces tells whether a variable is one of theirs.
func announces(name string) bool {
	switch name {
	case envListenPID, "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID":
		return true
	}
	return strings.HasPrefix(name, einhornPrefix)
}

const einhornPrefix = "EINHORN_FD_"

func announcement(environ []string) activation {
	a := activation{}
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); announces(name) {
			a[name] = value
		}
	}
	return a
}

func unsetAnnouncement(environ []string) {
	for name := range announcement(environ) {
		_ = os.Unsetenv(name)
	}
}

type numbered struct {
	fd   int
	name string
}

// parse says which descriptors the process with this pid is given, each once. It looks at
// none of them.
func (a activation) parse(pid int) ([]numbered, error) {
	all, err := a.systemd(pid)
	more, err2 := a.einhorn()
	for _, x := range more {
		same := func(y numbered) bool { return x.fd == y.fd }
		if !slices.ContainsFunc(all, same) { // both may announce the same sockets
			all = append(all, x)
		}
	}
	return all, errors.Join(err, err2)
}

func (a activation) systemd(pid int) ([]numbered, error) {
	count, names := a["LISTEN_FDS"], strings.Split(a["LISTEN_FDNAMES"], ":")
	if count == "" || a[envListenPID] != "" && a[envListenPID] != strconv.Itoa(pid) {
		return nil, nil
	}
	if a[envListenPID] == "" {
		return nil, fmt.Errorf("sockets: LISTEN_FDS=%q without LISTEN_PID: %w", clip(count, 32), ErrBadRequest)
	}
	n, err := a.number("LISTEN_FDS", 0, maxSlots)
	if err != nil {
		return nil, err
	}
	var all []numbered
	for i := range n {
		name := "LISTEN_FD_" + strconv.Itoa(FirstListenFD+i)
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		all = append(all, numbered{FirstListenFD + i, name})
	}
	return all, nil
}

func (a activation) einhorn() ([]numbered, error) {
	if a[einhornPrefix+"COUNT"] == "" {
		return nil, nil
	}
	n, err := a.number(einhornPrefix+"COUNT", 0, maxSlots)
	if err != nil {
		return nil, err
	}
	var all []numbered
	var bad []error
	seen := map[int]string{}
	for i := range n {
		name := einhornPrefix + strconv.Itoa(i)
		fd, err := a.number(name, FirstListenFD, math.MaxInt32) // the kernel would cut a larger one
		if err == nil && seen[fd] != "" {
			err = fmt.Errorf("sockets: %s=%d is %s already: %w", name, fd, seen[fd], ErrBadRequest)
		}
		if err != nil {
			bad = append(bad, err)
			continue
		}
		seen[fd] = name
		all = append(all, numbered{fd, name})
	}
	return all, joinFew(bad)
}

// number reads a variable as a whole number from low to high.
func (a activation) number(name string, low, high int) (int, error) {
	n, err := strconv.Atoi(a[name])
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("sockets: %s=%q: %w", name, clip(a[name], 32), ErrBadRequest)
	}
	return n, nil
}

// inheritedSocket is one that waits for a Listen on its address.
type inheritedSocket struct {
	fd   int
	name string
	spec spec
}

// inheritedFor takes the inherited socket for the address out of the list. A
// service manager's [::] may be dual stack or not as it was configured; it
// satisfies both. Call it with mu held.
func (s *Server) inheritedFor(want spec) *inheritedSocket {
	for i, in := range s.inherited {
		if in.spec.same(want) || in.spec.proto == want.proto && want.port != 0 &&
			in.spec.port == want.port && in.spec.ip == want.ip && want.ip.IsUnspecified() {
			s.inherited = slices.Delete(s.inherited, i, i+1)
			return in
		}
	}
	return nil
}
