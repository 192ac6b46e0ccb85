package sockets

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTheOwnersSocketIsPlainTCPAndInNoPoller(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	copied := must(dupConn(ln.(syscall.Conn)))(t)
	defer closeFD(copied)
	if p := must(unix.GetsockoptInt(copied, unix.SOL_SOCKET, unix.SO_PROTOCOL))(t); p != unix.IPPROTO_TCP {
		t.Errorf("protocol %d", p)
	}
	if n := polled(t, copied); n != 1 {
		t.Errorf("with one copy open it is polled %d times", n)
	}
	_ = ln.Close()
	if n := polled(t, copied); n != 0 {
		t.Errorf("the owner would wake up for each connection (%d times)", n)
	}
}

// polled counts the epoll registrations of the socket behind fd in this process.
func polled(t *testing.T, fd int) (n int) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	ino := fmt.Sprintf(" ino:%x ", st.Ino)
	for _, e := range must(os.ReadDir("/proc/self/fdinfo"))(t) {
		text, err := os.ReadFile("/proc/self/fdinfo/" + e.Name())
		if err != nil {
			continue // the directory itself
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "tfd:") && strings.Contains(line, ino) {
				n++
			}
		}
	}
	return n
}
