package messages

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Codec turns the bodies of one registered type into bytes and back.
type Codec struct {
	Encode func(v any) ([]byte, error)
	Decode func(b []byte) (any, error)
}

// ErrUnknownType says that a body's type was never registered on the side that met it.
var ErrUnknownType = errors.New("the type of a message body is not registered: call Register for it at the start of main")

var bodies = struct {
	sync.RWMutex
	byName map[string]Codec
	byType map[reflect.Type]string
}{byName: map[string]Codec{}, byType: map[reflect.Type]string{}}

// Register makes values of T known under name as bodies of Tell and Ask, as JSON. Call it
// in every process: at the start of main, or in an init. It panics when the name or the
// type is taken, since that is a mistake in the program.
func Register[T any](name string) {
	RegisterCodec[T](name, Codec{
		Encode: json.Marshal,
		Decode: func(b []byte) (any, error) {
			var v T
			err := json.Unmarshal(b, &v)
			return v, err
		},
	})
}

// RegisterCodec is Register with a codec of its own.
func RegisterCodec[T any](name string, c Codec) {
	t := reflect.TypeFor[T]()
	bodies.Lock()
	defer bodies.Unlock()
	if _, taken := bodies.byName[name]; taken || name == "" || len(name) > 255 {
		panic(fmt.Sprintf("messages: the name %q for %v is empty, too long or taken", name, t))
	}
	if other, taken := bodies.byType[t]; taken {
		panic(fmt.Sprintf("messages: %v is registered already, as %q", t, other))
	}
	bodies.byName[name], bodies.byType[t] = c, name
}

// EncodeBody encodes a body: nil and []byte as they are, with the empty name, a registered
// type by its codec. A panic of the codec is an error.
func EncodeBody(v any) (name string, body []byte, err error) {
	defer codecPanic(&err)
	switch v := v.(type) {
	case nil:
		return "", nil, nil
	case []byte:
		return "", v, nil
	}
	bodies.RLock()
	name, ok := bodies.byType[reflect.TypeOf(v)]
	c := bodies.byName[name]
	bodies.RUnlock()
	if !ok {
		return "", nil, fmt.Errorf("encode a %T: %w", v, ErrUnknownType)
	}
	if body, err = c.Encode(v); err != nil {
		return "", nil, fmt.Errorf("encode a %T: %w", v, err)
	}
	return name, body, nil
}

// codecPanic makes an error of a panic in the user's code: it runs in processes that are
// not to end by one message.
func codecPanic(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("the codec of a message body: panic: %v", r)
	}
}

// DecodeBody is the inverse of EncodeBody. A nil body comes back as an empty []byte.
func DecodeBody(name string, body []byte) (value any, err error) {
	defer codecPanic(&err)
	if name == "" {
		return body, nil
	}
	bodies.RLock()
	c, ok := bodies.byName[name]
	bodies.RUnlock()
	if !ok {
		return nil, fmt.Errorf("decode a %q: %w", name, ErrUnknownType)
	}
	v, err := c.Decode(body)
	if err != nil {
		return nil, fmt.Errorf("decode a %q: %w", name, err)
	}
	return v, nil
}
