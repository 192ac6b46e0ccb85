//go:build unix

package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// talker is a worker for messages: a []byte says what it is to do, anything else comes back.
type talker struct{ self *serverengine.Self }

func talkerApp() serverengine.App {
	return serverengine.App{Name: "talker", Worker: func(self *serverengine.Self) (serverengine.Worker, error) {
		return &talker{self}, nil
	}}
}

func (w *talker) Run(ctx context.Context, self *serverengine.Self) error { return waits(ctx, self) }

func waits(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	<-ctx.Done()
	return nil
}

func (w *talker) Receive(_ context.Context, m any) (any, error) {
	text, ok := m.([]byte)
	if !ok {
		w.self.Logger().Infof("received %v", m)
		return m, nil
	}
	what, value, _ := strings.Cut(string(text), " ")
	switch what {
	case "gate": // is a pipe with a name, which somebody opens
		w.self.Logger().Info("waiting at the gate")
		f, err := os.Open(value)
		if err == nil {
			err = f.Close()
		}
		return []byte("passed " + value), err
	case "big":
		var n int
		_, err := fmt.Sscan(value, &n)
		return make([]byte, n), err
	case "reply":
		return secret(value), nil
	case "wish":
		return nil, w.self.Engine().Send(wishes[value])
	}
	return nil, errors.New("what is " + what)
}

// wishes are what a talker asks the engine for.
var wishes = map[string]messages.Command{
	"scale": messages.Scale{Workers: 3}, "scale by": messages.ScaleBy{Delta: -1}, "reload": messages.Reload{},
	"restart": messages.Restart{Mode: messages.Graceful}, "status": messages.GetStatus{},
}

// secret is a type of message with a codec of its own, whose every part can go wrong.
type secret string

func init() {
	messages.RegisterCodec[secret]("test.secret", messages.Codec{
		Encode: func(v any) ([]byte, error) {
			switch v.(secret) {
			case "can't be encoded":
				return nil, errors.New("no code for this")
			case "panics":
				panic("in Encode")
			}
			return scrambled([]byte(v.(secret))), nil
		},
		Decode: func(b []byte) (any, error) {
			switch s := secret(scrambled(b)); s {
			case "can't be decoded":
				return nil, errors.New("no meaning in this")
			case "panics later":
				panic("in Decode")
			default:
				return s, nil
			}
		},
	})
}

func scrambled(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ 0x55
	}
	return out
}
