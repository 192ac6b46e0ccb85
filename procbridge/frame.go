package procbridge

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
)

const (
	// FrameVersion is the third byte of every frame. It stays 1 whatever protocol the two
	// agree on in Hello, so that peers of any age can read each other's Hello.
	FrameVersion = 1

	// HeaderSize is the length of a frame's header in bytes.
	HeaderSize = 8

	// DefaultMaxBody is the cap on a frame's body in bytes unless a Command says otherwise:
	// 1 MiB of user's message, and 4 KiB for what is around it.
	DefaultMaxBody = 1<<20 + 4<<10

	// MinProtocol and MaxProtocol are the versions of the protocol this package speaks.
	MinProtocol = 1
	MaxProtocol = 1

	magic0, magic1 = 'S', 'E'
)

const (
	readBufferMin = 4 << 10  // of a new Reader
	readBufferMax = 64 << 10 // a busy Reader grows up to this
)

// Reader takes frames from a stream. It is for one goroutine.
//
// An idle pipe costs a buffer of 4 KiB; a busy one is read in pieces of 64 KiB.
type Reader struct {
	src    io.Reader
	max    int
	buf    []byte
	r, w   int  // the unread bytes are buf[r:w]
	filled bool // the last read filled the buffer: it is too small
	err    error
}

// NewReader reads frames with bodies of at most maxBody bytes, 0 for [DefaultMaxBody].
func NewReader(src io.Reader, maxBody int) *Reader {
	if maxBody <= 0 {
		maxBody = DefaultMaxBody
	}
	return &Reader{src: src, max: maxBody, buf: make([]byte, readBufferMin)}
}

// ReadFrame waits for one whole frame. The body is valid until the next call. Any type byte
// is returned, also one that is not in the table.
//
// At the end of the stream it returns io.EOF, in the middle of a frame
// io.ErrUnexpectedEOF. ErrBadHeader and ErrTooLarge come before any memory is allocated
// for the body; after them, as after any other error, every call returns the same error.
func (r *Reader) ReadFrame() (Type, []byte, error) {
	if r.err != nil {
		return 0, nil, r.err
	}
	if err := r.need(HeaderSize); err != nil {
		return 0, nil, r.fail(err)
	}
	h := r.buf[r.r : r.r+HeaderSize]
	t, size, err := parseHeader(h, r.max)
	if err != nil {
		return 0, nil, r.fail(err)
	}
	if err := r.need(HeaderSize + size); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, r.fail(err)
	}
	body := r.buf[r.r+HeaderSize : r.r+HeaderSize+size : r.r+HeaderSize+size]
	r.r += HeaderSize + size
	return t, body, nil
}

// Unread is a copy of the first bytes, at most n, that are no frame: what to show a
// person after ErrBadHeader or ErrTooLarge.
func (r *Reader) Unread(n int) []byte {
	return clone(r.buf[r.r:min(r.w, r.r+n)])
}

func (r *Reader) fail(err error) error {
	r.err = err
	return err
}

func parseHeader(h []byte, maxBody int) (Type, int, error) {
	if h[0] != magic0 || h[1] != magic1 {
		return 0, 0, fmt.Errorf("%w: starts with %q", ErrBadHeader, h)
	}
	if h[2] != FrameVersion {
		return 0, 0, fmt.Errorf("%w: frame version %d, want %d", ErrBadHeader, h[2], FrameVersion)
	}
	t, size := Type(h[3]), binary.BigEndian.Uint32(h[4:])
	if uint64(size) > uint64(maxBody) {
		return 0, 0, fmt.Errorf("%s with a body of %d bytes: %w: at most %d", t, size, ErrTooLarge, maxBody)
	}
	return t, int(size), nil
}

// need makes at least n unread bytes available, with room behind them.
func (r *Reader) need(n int) error {
	if r.w-r.r >= n {
		return nil
	}
	r.makeRoom(n)
	for empty := 0; r.w-r.r < n; {
		got, err := r.src.Read(r.buf[r.w:])
		r.w += got
		r.filled = r.w == len(r.buf)
		switch {
		case r.w-r.r >= n: // an error will come again with the next read
		case err != nil:
			if errors.Is(err, io.EOF) && r.w > r.r {
				err = io.ErrUnexpectedEOF
			}
			return err
		case got > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}

// makeRoom moves the unread bytes to the front of a buffer that holds n bytes: a larger
// one for a busy pipe or a large frame, a usual one again after a large frame.
func (r *Reader) makeRoom(n int) {
	size := len(r.buf)
	if size > readBufferMax {
		size = readBufferMax
	}
	if r.filled && size < readBufferMax {
		size = min(4*size, readBufferMax)
	}
	unread := r.buf[r.r:r.w]
	size = max(size, n, len(unread))
	if size != len(r.buf) {
		r.buf = make([]byte, size)
	}
	r.w = copy(r.buf, unread)
	r.r = 0
}

// lastName is the type name seen most recently: streams of one type need no string each.
var lastName atomic.Pointer[string]

func intern(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if p := lastName.Load(); p != nil && *p == string(b) {
		return *p
	}
	s := string(b)
	lastName.Store(&s)
	return s
}
