package procbridge

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"

	"github.com/serverengine/serverengine-go/messages"
)

// replyFailed is bit 0 of a Reply's flags: the body is the text of an error.
const replyFailed = 1

// maxName is the longest name of a registered type, in bytes: its length is one byte.
const maxName = 255

// Encode appends the whole frame of a message, header and body, to dst. On an error dst
// comes back unchanged. The size cap is the caller's business: it differs per child.
func Encode(dst []byte, message any) ([]byte, error) {
	t, err := TypeOf(message)
	if err != nil {
		return dst, err
	}
	start := len(dst)
	out := append(dst, magic0, magic1, FrameVersion, byte(t), 0, 0, 0, 0)
	out, err = appendBody(out, t, message)
	if err != nil {
		return dst, err
	}
	size := len(out) - start - HeaderSize
	if size > math.MaxInt32 {
		return dst, fmt.Errorf("%s of %d bytes: %w", t, size, ErrTooLarge)
	}
	binary.BigEndian.PutUint32(out[start+4:], uint32(size))
	return out, nil
}

func appendBody(out []byte, t Type, message any) ([]byte, error) {
	switch m := message.(type) {
	case messages.Deliver:
		return appendDeliver(out, &m)
	case messages.Reply:
		return appendReply(out, &m)
	case messages.Requested:
		return appendRequested(out, m)
	}
	if kinds[t].goType.NumField() == 0 { // an empty body reads as {}
		return out, nil
	}
	body, err := json.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", t, err)
	}
	return append(out, body...), nil
}

// Decode is the message in a frame's body: a [messages.Command] for a type that travels
// down, a [messages.Event] for one that travels up. Nothing of the answer shares memory
// with body. An unknown type is ErrUnknownType, a body that does not fit ErrBadBody.
func Decode(t Type, body []byte) (any, error) {
	if !t.Known() {
		return nil, fmt.Errorf("%s: %w", t, ErrUnknownType)
	}
	return kinds[t].decode(body)
}

func decodeJSON[T any](body []byte) (T, error) {
	var v T
	if len(body) == 0 {
		return v, nil
	}
	if err := json.Unmarshal(body, &v); err != nil {
		var zero T
		return zero, fmt.Errorf("%s: %w: %w", reflect.TypeFor[T]().Name(), ErrBadBody, err)
	}
	return v, nil
}

// appendDeliver: id u64, slot u32, name length u8, name, body.
func appendDeliver(out []byte, m *messages.Deliver) ([]byte, error) {
	if m.Slot < 0 || m.Slot > math.MaxInt32 {
		return nil, fmt.Errorf("deliver to slot %d: want 0 to %d", m.Slot, math.MaxInt32)
	}
	if len(m.Type) > maxName {
		return nil, fmt.Errorf("deliver: type name of %d bytes, at most %d", len(m.Type), maxName)
	}
	out = binary.BigEndian.AppendUint64(out, m.ID)
	out = binary.BigEndian.AppendUint32(out, uint32(m.Slot))
	out = append(out, byte(len(m.Type)))
	out = append(out, m.Type...)
	return append(out, m.Body...), nil
}

func decodeDeliver(body []byte) (m messages.Deliver, err error) {
	const fixed = 8 + 4 + 1
	if len(body) < fixed {
		return m, fmt.Errorf("deliver of %d bytes: %w: want at least %d", len(body), ErrBadBody, fixed)
	}
	slot := binary.BigEndian.Uint32(body[8:])
	if slot > math.MaxInt32 {
		return m, fmt.Errorf("deliver: %w: slot %d", ErrBadBody, slot)
	}
	name, rest, err := cutName(body[12:])
	if err != nil {
		return m, fmt.Errorf("deliver: %w", err)
	}
	return messages.Deliver{
		ID: binary.BigEndian.Uint64(body), Slot: int(slot), Type: name, Body: clone(rest),
	}, nil
}

// appendReply: id u64, flags u8, name length u8, name, body.
func appendReply(out []byte, m *messages.Reply) ([]byte, error) {
	if len(m.Type) > maxName {
		return nil, fmt.Errorf("reply: type name of %d bytes, at most %d", len(m.Type), maxName)
	}
	var flags byte
	if m.Err != "" {
		flags |= replyFailed
	}
	out = binary.BigEndian.AppendUint64(out, m.ID)
	out = append(out, flags, byte(len(m.Type)))
	out = append(out, m.Type...)
	if m.Err != "" {
		return append(out, m.Err...), nil
	}
	return append(out, m.Body...), nil
}

func decodeReply(body []byte) (m messages.Reply, err error) {
	const fixed = 8 + 1 + 1
	if len(body) < fixed {
		return m, fmt.Errorf("reply of %d bytes: %w: want at least %d", len(body), ErrBadBody, fixed)
	}
	name, rest, err := cutName(body[9:])
	if err != nil {
		return m, fmt.Errorf("reply: %w", err)
	}
	m = messages.Reply{ID: binary.BigEndian.Uint64(body), Type: name}
	if body[8]&replyFailed == 0 {
		m.Body = clone(rest)
		return m, nil
	}
	if m.Err = string(rest); m.Err == "" {
		m.Err = "failed without a reason"
	}
	return m, nil
}

// appendRequested: the inner type byte, the inner body.
func appendRequested(out []byte, m messages.Requested) ([]byte, error) {
	t, err := TypeOf(m.Command)
	if err != nil {
		return nil, fmt.Errorf("requested: %w", err)
	}
	return appendBody(append(out, byte(t)), t, m.Command)
}

func decodeRequested(body []byte) (m messages.Requested, err error) {
	if len(body) == 0 {
		return m, fmt.Errorf("requested: %w: empty", ErrBadBody)
	}
	inner := Type(body[0])
	if !inner.Down() {
		return m, fmt.Errorf("requested: %w: %s is no command", ErrBadBody, inner)
	}
	v, err := Decode(inner, body[1:])
	if err != nil {
		return m, fmt.Errorf("requested: %w", err)
	}
	return messages.Requested{Command: v.(messages.Command)}, nil
}

// cutName splits a length byte and that many bytes of name from the rest.
func cutName(b []byte) (name string, rest []byte, err error) {
	n := int(b[0])
	if len(b) < 1+n {
		return "", nil, fmt.Errorf("%w: name of %d bytes in %d", ErrBadBody, n, len(b)-1)
	}
	return intern(b[1 : 1+n]), b[1+n:], nil
}

// clone copies a body out of the reader's buffer; an empty body is nil.
func clone(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}
