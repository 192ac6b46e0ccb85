package sockets

import (
	"errors"
	"fmt"
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

// firstListenFD is where systemd's descriptors begin.
const firstListenFD = 3

// Activated takes the sockets of systemd (LISTEN_PID, LISTEN_FDS,
// LISTEN_FDNAMES) and of einhorn (EINHORN_FD_COUNT, EINHORN_FD_0 …) and removes
// these variables, so that no child takes them again. Variables meant for
// another process are removed too, its descriptors left alone. Call it once,
// early in main, before anything else could have opened descriptors with these
// numbers; give the result to Options.Inherited. A variable that makes no sense
// is an error, next to whatever could be taken.
func Activated() ([]Inherited, error) {
	systemd, err := systemdFDs()
	einhorn, err2 := einhornFDs()
	var all []Inherited
	for _, x := range append(systemd, einhorn...) {
		f, openErr := inheritedFile(x.fd, x.name)
		if openErr != nil {
			err = errors.Join(err, openErr)
			continue
		}
		all = append(all, Inherited{Name: x.name, File: f})
	}
	return all, errors.Join(err, err2)
}

type numbered struct {
	fd   int
	name string
}

func systemdFDs() ([]numbered, error) {
	pid, count, names := take("LISTEN_PID"), take("LISTEN_FDS"), take("LISTEN_FDNAMES")
	take("LISTEN_PIDFDID")
	if count == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	if pid == "" {
		return nil, fmt.Errorf("sockets: LISTEN_FDS=%s without LISTEN_PID: %w", count, ErrBadRequest)
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSlots {
		return nil, fmt.Errorf("sockets: LISTEN_FDS=%s: %w", clip(count, 32), ErrBadRequest)
	}
	split := strings.Split(names, ":")
	var all []numbered
	for i := range n {
		name := "LISTEN_FD_" + strconv.Itoa(firstListenFD+i)
		if i < len(split) && split[i] != "" {
			name = split[i]
		}
		all = append(all, numbered{firstListenFD + i, name})
	}
	return all, nil
}

func einhornFDs() ([]numbered, error) {
	count := take("EINHORN_FD_COUNT")
	if count == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxSlots {
		return nil, fmt.Errorf("sockets: EINHORN_FD_COUNT=%s: %w", clip(count, 32), ErrBadRequest)
	}
	var all []numbered
	var bad error
	for i := range n {
		name := "EINHORN_FD_" + strconv.Itoa(i)
		take("EINHORN_FD_FAMILY_" + strconv.Itoa(i))
		v := take(name)
		fd, err := strconv.Atoi(v)
		if err != nil || fd < firstListenFD {
			bad = errors.Join(bad, fmt.Errorf("sockets: %s=%s: %w", name, clip(v, 32), ErrBadRequest))
			continue
		}
		all = append(all, numbered{fd, name})
	}
	return all, bad
}

func take(env string) string {
	v := os.Getenv(env)
	_ = os.Unsetenv(env)
	return v
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
