//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { roles["activated wrongly"] = activatedWronglyRole }

// activatedWronglyRole has a listener of its own and a service manager that can't count.
func activatedWronglyRole() error {
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if err := os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	all, err := Activated()
	for line := range strings.Lines(fmt.Sprint(err)) {
		fmt.Println("refused:", strings.TrimSpace(line))
	}
	for _, in := range all {
		raw, err := in.File.SyscallConn()
		if err != nil {
			return err
		}
		_ = raw.Control(func(fd uintptr) { fmt.Println("taken:", fd, in.Name) })
		if err := in.File.Close(); err != nil {
			return err
		}
	}
	for range 2 {
		runtime.GC() // runs finalizers
		time.Sleep(time.Millisecond)
	}
	for _, fd := range []int{3, 4} {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		fmt.Println("left:", fd, flags, err)
	}
	fmt.Println("own:", answered(own))
	return nil
}

func answered(ln net.Listener) error {
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return err
	}
	defer c.Close()
	accepted, err := ln.Accept()
	if err != nil {
		return err
	}
	return accepted.Close()
}

// A count too high, and a pipe where a socket should be: what is no inherited socket stays
// open, inheritable and in use.
func TestActivationTakesInheritedSocketsOnly(t *testing.T) {
	socket := exportedTCP(t)
	r, w := pipe(t)
	c := startChild(t, "activated wrongly", []string{"LISTEN_FDS=50", "EINHORN_FD_COUNT=1", "EINHORN_FD_0=3"}, nil, socket, r)
	closeAll([]*os.File{socket, r, w})
	var lines []string
	for {
		line := c.line(t)
		lines = append(lines, line)
		if strings.HasPrefix(line, "own:") {
			break
		}
	}
	c.end(t)
	for _, want := range []string{
		"refused: sockets: inherited descriptor 4 (LISTEN_FD_4): " + unix.ENOTSOCK.Error(), "taken: 3 LISTEN_FD_3",
		"left: 3 -1 " + unix.EBADF.Error(), "left: 4 0 <nil>", "own: <nil>",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %q", want)
		}
	}
	taken := slices.DeleteFunc(slices.Clone(lines), func(s string) bool { return !strings.HasPrefix(s, "taken:") })
	if len(taken) != 1 || len(lines) > 10 {
		t.Errorf("%q", lines)
	}
}

func TestActivationLeavesWhatThisProcessOpened(t *testing.T) {
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer ln.Close()
	fd := -1
	raw := must(ln.(*net.TCPListener).SyscallConn())(t)
	_ = raw.Control(func(p uintptr) { fd = int(p) })
	t.Setenv("EINHORN_FD_COUNT", "1")
	t.Setenv("EINHORN_FD_0", strconv.Itoa(fd))
	if all, err := Activated(); err == nil || !strings.Contains(err.Error(), "this process has opened it") || len(all) != 0 {
		t.Error(all, err)
	}
	if err := answered(ln); err != nil {
		t.Error(err)
	}
}

// One descriptor is given once, whoever announces it how often.
func TestActivationOfOneDescriptorTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		a    activation
		want []numbered
		bad  bool
	}{
		{"both managers", activation{"LISTEN_PID": "7", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "web", "EINHORN_FD_COUNT": "2", "EINHORN_FD_0": "3", "EINHORN_FD_1": "9"},
			[]numbered{{3, "web"}, {4, "LISTEN_FD_4"}, {9, "EINHORN_FD_1"}}, false},
		{"einhorn twice", activation{"EINHORN_FD_COUNT": "2", "EINHORN_FD_0": "5", "EINHORN_FD_1": "5"}, []numbered{{5, "EINHORN_FD_0"}}, true},
		{"a number the kernel cuts", activation{"EINHORN_FD_COUNT": "2", "EINHORN_FD_0": "5", "EINHORN_FD_1": "4294967301"}, []numbered{{5, "EINHORN_FD_0"}}, true},
	} {
		got, err := c.a.parse(7)
		if !slices.Equal(got, c.want) || errors.Is(err, ErrBadRequest) != c.bad {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}
