//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { roles["activated"] = activatedRole }

// activatedRole takes its inheritance and opens the same addresses by name.
func activatedRole() error {
	if os.Getenv("LISTEN_PID") == "mine" {
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	all, err := Activated()
	if err != nil {
		return err
	}
	for _, in := range all {
		fd := -1
		raw, err := in.File.SyscallConn()
		if err != nil {
			return err
		}
		var flags int
		_ = raw.Control(func(p uintptr) { fd = int(p); flags, err = unix.FcntlInt(p, unix.F_GETFD, 0) })
		fmt.Println(fd, in.Name, flags&unix.FD_CLOEXEC != 0)
	}
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "LISTEN_") || strings.HasPrefix(kv, "EINHORN_") {
			fmt.Println("left:", kv)
		}
	}
	s := NewServer(Options{Inherited: all})
	defer s.Close()
	ln, err := s.Listen("tcp", os.Getenv("TCP"), ListenOptions{})
	if err != nil {
		return err
	}
	pc, err := s.ListenPacket("udp", os.Getenv("UDP"), ListenOptions{})
	if err != nil {
		return err
	}
	un, err := s.Listen("unix", os.Getenv("UNIX"), ListenOptions{})
	if err != nil {
		return err
	}
	for _, info := range s.Addresses() {
		fmt.Println(info.Network, info.Inherited)
	}
	untilEOF()
	return errors.Join(ln.Close(), pc.Close(), un.Close())
}

func TestActivation(t *testing.T) {
	outer := newServer(t, Options{})
	path := shortDir(t) + "/s"
	tcp := must(outer.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer tcp.Close()
	udp := must(outer.ListenPacket("udp", "127.0.0.1:0", ListenOptions{}))(t)
	defer udp.Close()
	un := must(outer.Listen("unix", path, ListenOptions{}))(t)
	defer un.Close()
	files := []*os.File{
		must(outer.Export("tcp", "127.0.0.1:0"))(t),
		must(outer.Export("udp", "127.0.0.1:0"))(t),
		must(outer.Export("unix", path))(t),
	}
	c := startChild(t, "activated", []string{
		"LISTEN_PID=mine", "LISTEN_FDS=2", "LISTEN_FDNAMES=web:names",
		"EINHORN_FD_COUNT=1", "EINHORN_FD_0=5", "EINHORN_FD_FAMILY_0=AF_UNIX",
		"TCP=" + tcp.Addr().String(), "UDP=" + udp.LocalAddr().String(), "UNIX=" + path,
	}, nil, files...)
	closeAll(files)
	for _, want := range []string{"3 web true", "4 names true", "5 EINHORN_FD_0 true", "tcp true", "udp true", "unix true"} {
		if got := c.line(t); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	c.end(t)
	answersOnce(t, tcp) // the child's end closes nothing of ours
	answersOnce(t, un)
}

func TestActivationMeantForOthers(t *testing.T) {
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("LISTEN_FDS", "3")
	t.Setenv("LISTEN_FDNAMES", "a:b:c")
	all, err := Activated()
	if err != nil || len(all) != 0 {
		t.Error(all, err)
	}
	if _, ok := os.LookupEnv("LISTEN_FDS"); ok {
		t.Error("LISTEN_FDS is left for children")
	}
}

func TestActivationNonsense(t *testing.T) {
	for _, env := range []map[string]string{
		{"LISTEN_FDS": "1"},
		{"LISTEN_PID": strconv.Itoa(os.Getpid()), "LISTEN_FDS": "many"},
		{"LISTEN_PID": strconv.Itoa(os.Getpid()), "LISTEN_FDS": "-1"},
		{"EINHORN_FD_COUNT": "x"},
		{"EINHORN_FD_COUNT": "1"},
		{"EINHORN_FD_COUNT": "1", "EINHORN_FD_0": "0"},
		{"EINHORN_FD_COUNT": "1", "EINHORN_FD_0": "19999"},
	} {
		for k, v := range env {
			t.Setenv(k, v)
		}
		if all, err := Activated(); err == nil || len(all) != 0 {
			t.Errorf("%v: %v", env, all)
		}
	}
}

func TestInheritedOverlapIsNamed(t *testing.T) {
	f := exportedTCP(t)
	port := must(specOf(must(dupConn(f))(t)))(t).port
	s := newServer(t, Options{Inherited: []Inherited{{Name: "web", File: f}}})
	if _, err := s.Listen("tcp", fmt.Sprintf("0.0.0.0:%d", port), ListenOptions{}); !errors.Is(err, ErrOverlap) || !strings.Contains(err.Error(), "web") {
		t.Error(err)
	}
	r, w := pipe(t)
	_ = w.Close()
	_ = newServer(t, Options{Inherited: []Inherited{{Name: "a pipe", File: r}}})
	if _, err := r.Stat(); err == nil {
		t.Error("the pipe is still open")
	}
}
