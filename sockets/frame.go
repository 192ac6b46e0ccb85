package sockets

import (
	"encoding/binary"
	"fmt"
)

const (
	// MaxBody is the largest body of a frame, in bytes.
	MaxBody = 4096
	// MaxFiles is the largest number of descriptors in one message.
	MaxFiles = 8

	headerSize   = 8
	frameMagic   = 'S'
	frameVersion = 1
)

type frameType byte

const (
	frameRequest frameType = 1
	frameReply   frameType = 2
	frameHand    frameType = 3
)

// header is what precedes a body, see the package comment.
type header struct {
	kind  frameType
	files int
	size  int
}

// encodeFrame returns header and body in one slice: they leave in one write.
func encodeFrame(kind frameType, body []byte, files int) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("a message of %d bytes, %d are allowed: %w", len(body), MaxBody, ErrTooLarge)
	}
	if files > MaxFiles {
		return nil, fmt.Errorf("a message with %d descriptors, %d are allowed: %w", files, MaxFiles, ErrTooLarge)
	}
	buf := make([]byte, headerSize+len(body))
	buf[0], buf[1], buf[2], buf[3] = frameMagic, frameVersion, byte(kind), byte(files)
	binary.BigEndian.PutUint32(buf[4:], uint32(len(body)))
	copy(buf[headerSize:], body)
	return buf, nil
}

// decodeHeader checks everything before a byte of the body is read or memory
// for it is taken.
func decodeHeader(b []byte) (header, error) {
	if len(b) < headerSize {
		return header{}, fmt.Errorf("a header of %d bytes: %w", len(b), ErrBadRequest)
	}
	if b[0] != frameMagic || b[1] != frameVersion {
		return header{}, fmt.Errorf("starts with %q, not with a frame of version %d: %w", b[:headerSize], frameVersion, ErrBadRequest)
	}
	h := header{kind: frameType(b[2]), files: int(b[3])}
	if h.kind < frameRequest || h.kind > frameHand {
		return header{}, fmt.Errorf("frame type %d: %w", b[2], ErrBadRequest)
	}
	if h.files > MaxFiles {
		return header{}, fmt.Errorf("%d descriptors announced, %d are allowed: %w", h.files, MaxFiles, ErrTooLarge)
	}
	size := binary.BigEndian.Uint32(b[4:])
	if size > MaxBody {
		return header{}, fmt.Errorf("%d bytes announced, %d are allowed: %w", size, MaxBody, ErrTooLarge)
	}
	h.size = int(size)
	return h, nil
}

// decodePacket splits a packet that must be exactly one frame.
func decodePacket(b []byte) (header, []byte, error) {
	h, err := decodeHeader(b)
	if err != nil {
		return h, nil, err
	}
	if len(b) != headerSize+h.size {
		return h, nil, fmt.Errorf("a packet of %d bytes announces %d: %w", len(b), h.size, ErrBadRequest)
	}
	return h, b[headerSize:], nil
}
