package procbridge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/serverengine/serverengine-go/messages"
)

func header(t Type, size uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{magic0, magic1, FrameVersion, byte(t)}, size)
}

func TestReaderGrowsWithTheTraffic(t *testing.T) {
	var stream []byte
	sizes := []int{0, 1, 100, 5000, 60 << 10, 200 << 10, 1 << 20, 10, 20, 70000, 0}
	for _, n := range sizes {
		stream = append(append(stream, header(TypeDeliver, uint32(n))...), bytes.Repeat([]byte{byte(n)}, n)...)
	}
	for name, src := range map[string]io.Reader{
		"whole":       bytes.NewReader(stream),
		"halves":      iotest.HalfReader(bytes.NewReader(stream)),
		"single":      iotest.OneByteReader(bytes.NewReader(stream)),
		"end at once": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		r := NewReader(src, 1<<20)
		for _, n := range sizes {
			typ, body, err := r.ReadFrame()
			if err != nil || typ != TypeDeliver || !bytes.Equal(body, bytes.Repeat([]byte{byte(n)}, n)) {
				t.Fatalf("%s: frame of %d bytes: %s, %d bytes, %v", name, n, typ, len(body), err)
			}
		}
		if _, _, err := r.ReadFrame(); err != io.EOF { //nolint:errorlint // the very value
			t.Fatalf("%s: at the end: %v", name, err)
		}
		if len(r.buf) > readBufferMax {
			t.Errorf("%s: a buffer of %d bytes is kept", name, len(r.buf))
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		is           error
	}{
		{"nothing", "", io.EOF},
		{"half a header", "SE\x01", io.ErrUnexpectedEOF},
		{"no body", string(header(TypeStop, 4)), io.ErrUnexpectedEOF},
		{"half a body", string(header(TypeStop, 4)) + "ab", io.ErrUnexpectedEOF},
		{"text", "hello world\n", ErrBadHeader},
		{"second byte", "SX\x01\x03\x00\x00\x00\x00", ErrBadHeader},
		{"frame version", "SE\x02\x03\x00\x00\x00\x00", ErrBadHeader},
		{"length", string(header(TypeStop, 101)), ErrTooLarge},
		{"largest length", string(header(TypeStop, 1<<32-1)), ErrTooLarge},
	} {
		r := NewReader(bytes.NewReader([]byte(c.stream)), 100)
		for range 2 { // it stays so
			if _, _, err := r.ReadFrame(); !errors.Is(err, c.is) {
				t.Errorf("%s: %v, want %v", c.name, err, c.is)
			}
		}
		if got := string(r.Unread(4)); errors.Is(c.is, ErrBadHeader) && got != c.stream[:4] {
			t.Errorf("%s: the first bytes are %q", c.name, got)
		}
	}
	stuck := NewReader(iotest.ErrReader(nil), 0)
	if _, _, err := stuck.ReadFrame(); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

func TestLengthIsCappedBeforeAllocation(t *testing.T) {
	stream := header(TypeDeliver, 1<<30)
	allocated := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			NewReader(bytes.NewReader(stream), 0).ReadFrame()
		}
	}).AllocedBytesPerOp()
	if allocated > 3*readBufferMin {
		t.Fatalf("%d bytes were allocated for a frame that is refused", allocated)
	}
}

func FuzzReadFrame(f *testing.F) {
	var all []byte
	for _, m := range samples {
		b, err := Encode(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		all = append(all, b...)
	}
	f.Add(all)
	f.Add([]byte("this is a debug print\n"))
	f.Add(header(TypeDeliver, 1<<32-1))
	f.Add(append(header(TypeStop, 0), header(Type(200), 3)...))
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := readAll(t, NewReader(bytes.NewReader(stream), limit), limit)
		pieces := readAll(t, NewReader(iotest.OneByteReader(bytes.NewReader(stream)), limit), limit)
		if !bytes.Equal(whole, pieces) {
			t.Fatalf("read in one piece %q, byte by byte %q", whole, pieces)
		}
		if !bytes.HasPrefix(stream, whole) {
			t.Fatalf("the frames of %q are %q", stream, whole)
		}
	})
}

// readAll writes down again what it reads, and decodes it.
func readAll(t *testing.T, r *Reader, limit int) (frames []byte) {
	t.Helper()
	for {
		typ, body, err := r.ReadFrame()
		if err != nil {
			return frames
		}
		if len(body) > limit {
			t.Fatalf("a body of %d bytes", len(body))
		}
		if m, err := Decode(typ, body); (err == nil) != (m != nil) {
			t.Fatalf("%s: %v and %v", typ, m, err)
		}
		frames = append(append(frames, header(typ, uint32(len(body)))...), body...)
	}
}

func BenchmarkDecodeDeliver64(b *testing.B) {
	f, err := Encode(nil, messages.Deliver{ID: 1, Body: make([]byte, 64)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeDeliver(f[HeaderSize:]); err != nil {
			b.Fatal(err)
		}
	}
}
