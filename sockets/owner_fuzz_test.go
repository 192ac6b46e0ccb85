//go:build unix

package sockets

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FuzzStream: bytes on a stream, cut into writes anyhow, with descriptors somewhere among
// them, give the frames that lie in them up to the first that is none, each with the
// descriptors that came within it, and no descriptor stays open.
func FuzzStream(f *testing.F) {
	two := append(frameBytes(frameReply, `{"id":1}`, 1), frameBytes(frameHand, "", 0)...)
	f.Add(two, byte(255), uint16(0), byte(1))
	f.Add(two, byte(0), uint16(5), byte(1))
	f.Add(two, byte(2), uint16(20), byte(1)) // within the second, which announces none
	f.Add(frameBytes(frameRequest, `{"id":1,"op":"ping"}`, MaxFiles), byte(10), uint16(3), byte(MaxFiles))
	f.Add(frameBytes(frameHand, string(make([]byte, MaxBody)), 0)[:MaxBody], byte(255), uint16(0), byte(0))
	f.Add(append(two, "garbage, not a frame"...), byte(8), uint16(40), byte(3))
	f.Add([]byte("S\x01\x01\x00\xff\xff\xff\xff"), byte(1), uint16(2), byte(2))
	null, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	defer null.Close()
	fd := must(dupConn(null))
	f.Fuzz(func(t *testing.T, text []byte, piece byte, at uint16, files byte) {
		text = text[:min(len(text), 16<<10)]
		before := openFDs(t)
		w, c := streamTo(t)
		n := max(1+int(piece), len(text)/64) // the kernel counts each write as a kilobyte
		begin := int(at) % (1 + len(text)) / n * n
		fds := repeated(fd(t), int(files)%(MaxFiles+1))
		for i := 0; i < len(text); i += n {
			var rights []byte
			if i == begin && len(fds) > 0 {
				rights = encodeRights(fds)
			}
			if _, _, err := w.WriteMsgUnix(text[i:min(i+n, len(text))], rights, nil); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		if len(text) == 0 {
			fds = nil // nothing they could have come with
		}
		rest := framesOf(t, c, text, begin, len(fds))
		if got, err := c.read(never, 0); err == nil || errors.Is(err, io.EOF) != (rest == 0) {
			t.Fatalf("after the last frame: %+v, %v; %d bytes are left", got, err, rest)
		}
		c.close()
		if now := openFDs(t); now != before {
			t.Fatalf("%d descriptors are open, %d before", now, before)
		}
	})
}

// framesOf reads the frames that text begins with and returns how many bytes are left. The
// descriptors came with the byte at begin.
func framesOf(t *testing.T, c *conn, text []byte, begin, files int) (rest int) {
	t.Helper()
	for at := 0; at < len(text); {
		h, err := decodeHeader(text[at:min(at+headerSize, len(text))])
		end := at + headerSize + h.size
		came := 0
		if at <= begin && begin < end {
			came = files
		}
		if err != nil || end > len(text) || h.files != came {
			return len(text) - at
		}
		got, err := c.read(never, 0)
		if err != nil || got.kind != h.kind || !bytes.Equal(got.body, text[at+headerSize:end]) || len(got.fds) != came {
			t.Fatalf("at %d: %+v, %v; want %q with %d descriptors", at, got, err, text[at:end], came)
		}
		closeFDs(got.fds)
		at = end
	}
	return 0
}

func frameBytes(kind frameType, body string, files int) []byte {
	b, err := encodeFrame(kind, []byte(body), files)
	if err != nil {
		panic(err)
	}
	return b
}

// streamTo is a stream that ends in a conn.
func streamTo(t *testing.T) (*net.UnixConn, *conn) {
	t.Helper()
	fds := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0))(t)
	w := must(connOf(fileOf(fds[0], "writer")))(t)
	return w.uc, must(connOf(fileOf(fds[1], "reader")))(t)
}

func repeated(fd, n int) []int {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = fd
	}
	return fds
}

// FuzzReply: any answer of an owner, with any descriptors, is refused or understood. What
// is understood is written again as it was read; what is taken over is listening or bound
// under the network that was said, in the order of its slots; and whether it is or not, no
// descriptor stays open and no foreign file is removed.
func FuzzReply(f *testing.F) {
	dir, err := os.MkdirTemp("", "so")
	if err != nil {
		f.Fatal(err)
	}
	defer os.RemoveAll(dir)
	kinds := socketKinds(f, dir)
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		f.Fatal(err)
	}
	file := func(name string) string { return `"file":"` + filepath.Join(dir, name) + `"` }
	for body, fds := range map[string]string{
		`{"id":1,"items":[{},{"network":"tcp","address":"a:1"},{"network":"unix","address":"s",` + file("s") + `}]}`: "\x00\x01\x00",
		`{"id":1,"items":[{"network":"unix","address":"s",` + file("precious") + `}]}`:                               "\x00",
		`{"id":1,"items":[{"network":"tcp","pinned":true,"slot":0},{"network":"tcp","pinned":true,"slot":1}]}`:       "\x01\x01",
		`{"id":1,"items":[{"network":"tcp","slot":1},{"network":"udp"},{"network":"tcp4","pending":"x"}]}`:           "\x01\x02\x01",
		`{"id":1,"items":[{},{}],"more":true}`:                           "\x00\x00",
		`{"id":1,"items":[{"network":"tcp","address":"stream"}]}`:        "\x03",
		`{"id":1,"items":[{"network":"unix","pending":"pipe"}]}`:         "\x04",
		`{"id":1,"more":true}`:                                           "",
		`{"id":2,"error":"no","code":"overlap","errno":98}`:              "",
		`{"error":"` + string(bytes.Repeat([]byte("<"), 3000)) + `"}`:    "",
		`{"id":3,"errno":-1}`:                                            "",
		`{"id":3,"code":"what"}`:                                         "",
		`{"id":1,"items":[{"address":"x"}]}`:                             "\x00",
		`{"id":1,"items":[{"network":"tcp","slot":-1,"backlog":99999}]}`: "\x01",
		`null`: "",
	} {
		f.Add([]byte(body), []byte(fds))
	}
	f.Fuzz(func(t *testing.T, body, pick []byte) {
		r, err := decodeReply(body)
		if err != nil {
			if !errors.Is(err, ErrBadRequest) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNoSlot) || r.Items != nil {
				t.Fatalf("%+v, %v", r, err)
			}
			return
		}
		writtenAgain(t, r)
		errorTravels(t, r)
		before := openFDs(t)
		var fds []int
		for _, b := range pick[:min(len(pick), MaxFiles)] {
			fds = append(fds, must(dupFD(kinds[int(b)%len(kinds)]))(t))
		}
		s := NewServer(Options{})
		ln, err := s.receiveItems(answer{reply: r, fds: fds}, nil)
		if err == nil {
			whatWasTakenOver(t, s, len(r.Items), ln != nil)
		}
		s.forget()
		_ = closePath(ln)
		if now := openFDs(t); now != before {
			t.Fatalf("%d descriptors are open, %d before: %+v with %v", now, before, r, pick)
		}
		if _, err := os.Lstat(precious); err != nil {
			t.Fatal(err)
		}
	})
}

// socketKinds are descriptors that an owner may give: a listener on a path, TCP, UDP, a
// connection and a pipe.
func socketKinds(f *testing.F, dir string) (fds []int) {
	un, err1 := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	tcp, err2 := net.Listen("tcp", "127.0.0.1:0")
	udp, err3 := net.ListenPacket("udp", "127.0.0.1:0")
	if err := errors.Join(err1, err2, err3); err != nil {
		f.Fatal(err)
	}
	un.SetUnlinkOnClose(false)
	c, err1 := net.Dial("tcp", tcp.Addr().String())
	r, w, err2 := os.Pipe()
	if err := errors.Join(err1, err2); err != nil {
		f.Fatal(err)
	}
	for _, s := range []any{un, tcp, udp, c, r} {
		fd, err := dupConn(s.(syscall.Conn))
		if err != nil {
			f.Fatal(err)
		}
		fds = append(fds, fd)
	}
	f.Cleanup(func() {
		closeFDs(fds)
		_ = errors.Join(un.Close(), tcp.Close(), udp.Close(), c.Close(), r.Close(), w.Close())
	})
	return fds
}

// whatWasTakenOver checks the entries that were made of some items.
func whatWasTakenOver(t *testing.T, s *Server, items int, path bool) {
	t.Helper()
	n := len(s.inherited)
	if path {
		n++
	}
	for _, e := range s.order {
		n += len(e.fds)
		if e.bound.proto != protoOf(e.network) || len(e.fds) > 1 && !e.pinned {
			t.Fatalf("%+v", e)
		}
		for _, fd := range e.fds {
			if bound, err := specOf(fd); err != nil || !bound.same(e.bound) {
				t.Fatalf("%v, %v in %+v", bound, err, e)
			}
		}
		if filepath.Base(e.file.path) != "s" {
			e.file.remove() // as the end of a server does
		}
	}
	if n != items {
		t.Fatalf("%d items of %d were taken over", n, items)
	}
}

func writtenAgain(t *testing.T, r reply) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > MaxBody {
		return // it was written with fewer escapes
	}
	again, err := decodeReply(b)
	if err != nil {
		t.Fatalf("%s was written and can't be read: %v", b, err)
	}
	if b2, err := json.Marshal(again); err != nil || !bytes.Equal(b, b2) {
		t.Fatalf("%s became %s, %v", b, b2, err)
	}
}

// errorTravels: an error that came is passed on with its cause, in one frame.
func errorTravels(t *testing.T, r reply) {
	t.Helper()
	err := r.fromWire()
	if err == nil {
		return
	}
	var next reply
	next.toWire(err)
	w, c := streamTo(t)
	defer w.Close()
	defer c.close()
	if sent := c.sendJSON(frameReply, next, nil, time.Now().Add(patience)); sent != nil {
		t.Fatalf("%q: %v", err, sent)
	}
	if _, known := codes[r.Code]; err.Error() == "" || known && next.Code != r.Code || next.Errno != r.Errno {
		t.Fatalf("%+v became %+v", r, next)
	}
}
