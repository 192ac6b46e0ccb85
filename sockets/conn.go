package sockets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// conn carries frames over a unix socket, stream or packets. Reading is for one
// goroutine; writing is for any.
type conn struct {
	uc     *net.UnixConn
	packet bool // one packet is one frame
	files  bool // take descriptors that come in; otherwise the kernel drops them

	wmu    sync.Mutex
	broken error  // half a frame was written: nothing may follow it
	buf    []byte // of the reader: MaxBody + headerSize + 1, so that one byte too many shows
	oob    []byte
	cut    bool // of the reader: the kernel has dropped descriptors of this frame
}

// frame is one message as read. Whoever gets it owns the descriptors. With lost, there are
// none though there should be: this process had no room for them at that moment. The
// frames after it are not concerned.
type frame struct {
	kind frameType
	body []byte
	fds  []int
	lost error
}

// connOf takes over f, the end of a pair or any other unix socket.
func connOf(f *os.File) (*conn, error) {
	packet, err := isPacketSocket(f)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("sockets: look at %s: %w", f.Name(), err)
	}
	c, err := net.FileConn(f) // duplicates, close-on-exec and non-blocking
	_ = f.Close()
	if err != nil {
		return nil, fmt.Errorf("sockets: take %s: %w", f.Name(), err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("sockets: %s is a %T, not a unix socket", f.Name(), c)
	}
	return newConn(uc, packet, true), nil
}

func newConn(uc *net.UnixConn, packet, files bool) *conn {
	c := &conn{uc: uc, packet: packet, files: files}
	if files {
		c.oob = make([]byte, oobSpace(MaxFiles))
	}
	return c
}

func (c *conn) close() { _ = c.uc.Close() }

// send writes one frame with its descriptors, which stay the caller's. After a
// failure on a stream nothing more can be sent; what the other side has said
// before (a refusal, perhaps) can still be read.
func (c *conn) send(kind frameType, body []byte, fds []int, deadline time.Time) error {
	buf, err := encodeFrame(kind, body, len(fds))
	if err != nil {
		return err
	}
	var oob []byte
	if len(fds) > 0 {
		oob = encodeRights(fds)
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	if err := c.uc.SetWriteDeadline(deadline); err != nil {
		return err
	}
	n, _, err := c.uc.WriteMsgUnix(buf, oob, nil)
	if err == nil && n < len(buf) {
		_, err = c.uc.Write(buf[n:])
	}
	if err != nil && !c.packet {
		c.broken = err
		_ = c.uc.CloseWrite()
	}
	return err
}

func (c *conn) sendJSON(kind frameType, v any, fds []int, deadline time.Time) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.send(kind, body, fds, deadline)
}

// read returns the next frame. It waits until first for the first byte and then
// rest for the others; a zero first or rest waits for ever. io.EOF is an end
// between two frames. The body is valid until the next read.
func (c *conn) read(first time.Time, rest time.Duration) (frame, error) {
	if c.buf == nil {
		c.buf = make([]byte, headerSize+MaxBody+1)
	}
	if err := c.uc.SetReadDeadline(first); err != nil {
		return frame{}, err
	}
	c.cut = false
	if c.packet {
		return c.readPacket()
	}
	return c.readStream(rest)
}

func (c *conn) readPacket() (frame, error) {
	n, fds, err := c.recv(c.buf)
	if err != nil {
		return frame{}, err
	}
	h, body, err := decodePacket(c.buf[:n])
	return c.checked(h, body, fds, err)
}

func (c *conn) readStream(rest time.Duration) (frame, error) {
	n, fds, err := c.recv(c.buf[:headerSize])
	if err != nil {
		return frame{}, err
	}
	if rest > 0 {
		if err := c.uc.SetReadDeadline(time.Now().Add(rest)); err != nil {
			return failed(fds, err)
		}
	}
	fds, err = c.fill(c.buf[n:headerSize], fds)
	if err != nil {
		return failed(fds, err)
	}
	h, err := decodeHeader(c.buf)
	if err != nil {
		return failed(fds, err)
	}
	body := c.buf[headerSize : headerSize+h.size]
	fds, err = c.fill(body, fds)
	return c.checked(h, body, fds, err)
}

// fill reads until b is full and appends the descriptors that came along.
func (c *conn) fill(b []byte, fds []int) ([]int, error) {
	for len(b) > 0 {
		n, more, err := c.recv(b)
		fds = append(fds, more...)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && len(fds) > MaxFiles {
			err = ErrTooLarge
		}
		if err != nil {
			return fds, err
		}
		b = b[n:]
	}
	return fds, nil
}

// recv is one recvmsg.
func (c *conn) recv(b []byte) (int, []int, error) {
	n, oobn, flags, _, err := c.uc.ReadMsgUnix(b, c.oob)
	if err != nil {
		return 0, nil, err
	}
	c.cut = c.cut || flags&ctrunc != 0
	fds, err := decodeRights(c.oob[:oobn])
	if n == 0 && err == nil {
		err = io.EOF
	}
	if err != nil {
		closeFDs(fds)
		return 0, nil, err
	}
	return n, fds, nil
}

// checked compares what was announced with what came.
func (c *conn) checked(h header, body []byte, fds []int, err error) (frame, error) {
	f := frame{kind: h.kind, body: body, fds: fds}
	switch missing := h.files - len(fds); {
	case err != nil:
		return failed(fds, err)
	case missing > 0 && c.cut:
		closeFDs(fds)
		f.fds, f.lost = nil, fmt.Errorf("%d of %d descriptors found no room in this process, whose limit (ulimit -n) may be too low: %w", missing, h.files, syscall.EMFILE)
	case missing != 0:
		return failed(fds, fmt.Errorf("%d of %d descriptors arrived: %w", len(fds), h.files, ErrBadRequest))
	}
	return f, nil
}

func failed(fds []int, err error) (frame, error) {
	closeFDs(fds)
	return frame{}, err
}
