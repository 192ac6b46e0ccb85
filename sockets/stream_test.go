//go:build unix

package sockets

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// streamPair is what Pair makes where there are no packets.
func streamPair(t *testing.T) (parent, child *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return fileOf(fds[0], "parent"), fileOf(fds[1], "child")
}

func TestDescriptorsBothWaysOverAStream(t *testing.T) {
	got := make(chan handedMessage, 100)
	s := newServer(t, Options{OnHand: func(tag []byte, files []*os.File) { got <- handedMessage{string(tag), files} }})
	parent, end := streamPair(t)
	if err := s.Attach(parent, Peer{}); err != nil {
		t.Fatal(err)
	}
	c := must(FromFile(end))(t)
	defer c.Close()
	// Frames lie behind each other in the stream: none may take another's
	// descriptors.
	for i := range 20 {
		r, w := pipe(t)
		files := []*os.File{r, w, r, w, r, w, r, w}[:i%(MaxFiles+1)]
		if err := c.Hand(make([]byte, i*200), files...); err != nil {
			t.Fatal(err)
		}
		_, _ = r.Close(), w.Close()
		ln := must(c.Listen("tcp", "127.0.0.1:0"))(t)
		_ = ln.Close()
	}
	for i := range 20 {
		m := <-got
		if len(m.tag) != i*200 || len(m.files) != i%(MaxFiles+1) {
			t.Fatalf("message %d: %d bytes and %d files", i, len(m.tag), len(m.files))
		}
		closeAll(m.files)
	}
}

// One byte at a time is slow, not wrong.
func TestAFrameInPieces(t *testing.T) {
	s := newServer(t, Options{})
	parent, end := streamPair(t)
	defer end.Close()
	if err := s.Attach(parent, Peer{}); err != nil {
		t.Fatal(err)
	}
	frame := must(encodeFrame(frameRequest, []byte(`{"id":7,"op":"ping"}`), 0))(t)
	for _, b := range frame {
		if _, err := end.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	_ = end.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 64)
	n := must(end.Read(buf))(t)
	if h, body, err := decodePacket(buf[:n]); err != nil || h.kind != frameReply || string(body) != `{"id":7}` {
		t.Errorf("%q, %v", buf[:n], err)
	}
}
