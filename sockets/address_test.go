//go:build unix

package sockets

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func needIPv6(t *testing.T) {
	t.Helper()
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	_ = ln.Close()
}

// freePort is one nobody listens on now.
func freePort(t *testing.T) string {
	t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

func TestFamilies(t *testing.T) {
	needIPv6(t)
	for _, c := range []struct {
		network, host string
		v4, v6        bool
	}{
		{"tcp", "", true, true},
		{"tcp", "0.0.0.0", true, false},
		{"tcp4", "", true, false},
		{"tcp", "[::]", false, true},
		{"tcp6", "", false, true},
		{"tcp", "[::1]", false, true},
		{"tcp", "127.0.0.1", true, false},
		{"tcp", "[::ffff:127.0.0.1]", true, false},
	} {
		t.Run(c.network+" "+c.host, func(t *testing.T) {
			s := newServer(t, Options{})
			ln := must(s.Listen(c.network, c.host+":0", ListenOptions{}))(t)
			defer ln.Close()
			port := strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
			for to, want := range map[string]bool{"127.0.0.1": c.v4, "::1": c.v6} {
				conn, err := net.Dial("tcp", net.JoinHostPort(to, port))
				if err == nil {
					_ = conn.Close()
				}
				if (err == nil) != want {
					t.Errorf("to %s: %v", to, err)
				}
			}
		})
	}
}

func TestOneSocketOrRefused(t *testing.T) {
	needIPv6(t)
	for _, c := range []struct {
		network, a, network2, b string
		same                    bool
		err                     error
	}{
		{"tcp", "127.0.0.1", "tcp", "127.0.0.1", true, nil},
		{"tcp", "127.0.0.1", "tcp4", "127.0.0.1", true, nil},
		{"tcp", "", "tcp", "", true, nil},
		{"tcp", "[::]", "tcp6", "", true, nil},
		{"tcp", "127.0.0.1", "tcp", "0.0.0.0", false, ErrOverlap},
		{"tcp", "0.0.0.0", "tcp", "127.0.0.1", false, ErrOverlap},
		{"tcp", "", "tcp", "127.0.0.1", false, ErrOverlap},
		{"tcp", "[::1]", "tcp", "", false, ErrOverlap},
		{"tcp", "[::]", "tcp", "[::1]", false, ErrOverlap},
		{"udp", "0.0.0.0", "udp", "127.0.0.1", false, ErrOverlap},
		{"tcp", "0.0.0.0", "tcp", "[::]", false, nil},
		{"tcp", "127.0.0.1", "udp", "127.0.0.1", false, nil},
		{"tcp", "127.0.0.1", "tcp", "[::1]", false, nil},
	} {
		t.Run(c.network+c.a+" "+c.network2+c.b, func(t *testing.T) {
			s := newServer(t, Options{})
			port := freePort(t)
			fd, err := s.take(t.Context(), c.network, c.a+":"+port, ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			closeFD(fd)
			fd, err = s.take(t.Context(), c.network2, c.b+":"+port, ListenOptions{})
			closeFD(fd)
			if !errors.Is(err, c.err) {
				t.Fatalf("%v", err)
			}
			if err != nil && strings.Count(err.Error(), ":"+port) < 2 {
				t.Errorf("does not name both: %v", err)
			}
			if one := len(s.Addresses()) == 1; err == nil && one != c.same {
				t.Errorf("%+v", s.Addresses())
			}
		})
	}
}

func TestHostNames(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(s.Listen("tcp", "localhost:0", ListenOptions{}))(t)
	defer ln.Close()
	if !ln.Addr().(*net.TCPAddr).IP.IsLoopback() {
		t.Error(ln.Addr())
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	s := newServer(t, Options{})
	for _, c := range [][2]string{
		{"tcp", "127.0.0.1"}, {"tcp", "127.0.0.1:99999"}, {"tcp", "127.0.0.1:-1"}, {"ip", "127.0.0.1:1"},
		{"", ""}, {"unix", ""}, {"unix", "a\x00b"}, {"tcp6", "127.0.0.1:0"}, {"tcp4", "[::1]:0"}, {"tcp", "[::1:0"},
	} {
		fd, err := s.take(t.Context(), c[0], c[1], ListenOptions{})
		closeFD(fd)
		var le *ListenError
		if !errors.As(err, &le) {
			t.Errorf("%q: %v", c, err)
		}
	}
	if _, err := s.Listen("udp", "127.0.0.1:0", ListenOptions{}); err == nil {
		t.Error("a Listener on a UDP socket")
	}
	if _, err := s.ListenPacket("tcp", "127.0.0.1:0", ListenOptions{}); err == nil {
		t.Error("a PacketConn on a TCP socket")
	}
}

func TestUnixSockets(t *testing.T) {
	dir := shortDir(t)
	s := newServer(t, Options{})
	path := filepath.Join(dir, "stream")
	a := must(s.Listen("unix", path, ListenOptions{}))(t)
	b := must(s.Listen("unix", path, ListenOptions{}))(t)
	_ = a.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("closing a copy removed the path: %v", err)
	}
	answersOnce(t, b)
	_ = b.Close()
	pc := must(s.ListenPacket("unixgram", filepath.Join(dir, "gram"), ListenOptions{}))(t)
	defer pc.Close()
	from := must(net.Dial("unixgram", pc.LocalAddr().String()))(t)
	defer from.Close()
	if _, err := from.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, _, err := pc.ReadFrom(buf); err != nil || string(buf[:n]) != "hi" {
		t.Fatal(n, err)
	}
	if _, err := s.Listen("unix", filepath.Join(dir, "gram"), ListenOptions{}); !errors.Is(err, ErrOverlap) {
		t.Error(err)
	}
	_ = s.Close()
	if names := must(os.ReadDir(dir))(t); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestUnixSocketOfTheDeadAndTheLiving(t *testing.T) {
	for _, proto := range []string{"unix", "unixgram"} {
		path := filepath.Join(shortDir(t), "s")
		first := newServer(t, Options{})
		fd := must(first.take(t.Context(), proto, path, ListenOptions{}))(t)
		closeFD(fd)
		second := newServer(t, Options{})
		if _, err := second.take(t.Context(), proto, path, ListenOptions{}); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("%s, a living one: %v", proto, err)
		}
		first.mu.Lock()
		first.takenBy = "nobody" // as after a crash: the file stays
		first.mu.Unlock()
		_ = first.Close()
		fd, err := second.take(t.Context(), proto, path, ListenOptions{})
		if err != nil {
			t.Errorf("%s, a dead one: %v", proto, err)
		}
		closeFD(fd)
	}
}

func TestOptionsReachTheSocket(t *testing.T) {
	s := newServer(t, Options{})
	off := false
	fd := must(s.take(t.Context(), "tcp", "127.0.0.1:0", ListenOptions{ReuseAddr: &off, Backlog: 7}))(t)
	defer closeFD(fd)
	if v := must(syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR))(t); v != 0 {
		t.Error("SO_REUSEADDR is on")
	}
	checkBacklog(t, fd, 7)
}

func TestMarkAndSweep(t *testing.T) {
	s := newServer(t, Options{})
	keep := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer keep.Close()
	drop := must(s.Listen("tcp4", "127.0.0.1:0", ListenOptions{}))(t)
	addr := drop.Addr().String()
	_ = drop.Close()
	if got := s.Sweep(); len(got) != 0 {
		t.Errorf("without a mark: %v", got)
	}
	s.Mark()
	again := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	_ = again.Close()
	if got := s.Sweep(); len(got) != 1 || got[0] != "tcp4 "+addr {
		t.Errorf("swept %v, not %s", got, addr)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("still open")
	}
	answersOnce(t, keep)
	if all := s.Addresses(); len(all) != 1 || !all[0].Asked || all[0].Bound != keep.Addr().String() {
		t.Errorf("%+v", all)
	}
}

func TestClosedServerRefuses(t *testing.T) {
	s := NewServer(Options{})
	_ = s.Close()
	if _, err := s.Listen("tcp", "127.0.0.1:0", ListenOptions{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := s.OpenPath(filepath.Join(shortDir(t), "p")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	parent, end, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	if err := s.Attach(parent, Peer{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
