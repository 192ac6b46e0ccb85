package procbridge

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

var some = messages.Incarnation{Generation: 1, Slot: 2, Life: 3}

// samples has a message of every type that crosses.
var samples = []any{
	messages.Begin{Incarnation: some, Version: 7, Config: []byte("workers: 4\n"), Shared: map[string][]byte{"a": []byte(`1`)}},
	messages.Configure{Version: 8, Body: []byte{0, 255}, Cause: messages.CauseReload},
	messages.Stop{Mode: messages.Immediate, Reason: "QUIT"},
	messages.Restart{Mode: messages.Graceful},
	messages.Restart{Mode: messages.Graceful, ID: 3},
	messages.LiveRestart{},
	messages.Interrupt{Terminal: true},
	messages.Reload{},
	messages.Scale{Workers: 0},
	messages.ScaleBy{Delta: -1},
	messages.Dump{},
	messages.Deliver{ID: 1<<63 + 5, Slot: 1<<31 - 1, Type: "greeting", Body: []byte("hello")},
	messages.Hello{Min: 1, Max: 3, Build: "test", Pid: 4711},
	messages.Ready{},
	messages.Beat{},
	messages.Progress{},
	messages.JobsDone{N: 3},
	messages.ConfigSeen{Incarnation: messages.ServerIncarnation(4), Version: 9, Err: "no"},
	messages.Requested{Command: messages.Scale{Workers: 3}},
	messages.Reply{ID: 5, Type: "answer", Body: []byte{1, 2, 3}},
	messages.Closing{},
	messages.WorkerStarted{Incarnation: some, Pid: 12},
	messages.WorkerReady{Incarnation: some},
	messages.WorkerStopping{Incarnation: some, Mode: messages.Immediate, Reason: "scale"},
	messages.WorkerExited{
		Incarnation: some, Pid: 12, Uptime: time.Minute, Expected: true, Restarts: 2, Next: -1,
		Exit: messages.Exit{Cause: messages.ExitSignal, Code: 137, Signal: "KILL", Tail: []string{"bye"}},
	},
	messages.WorkerStuck{Incarnation: some},
	messages.RestartFinished{Mode: messages.Graceful, Reason: "aborted", Version: 4, ID: 3},
	messages.ServerStarted{Generation: 2, Pid: 3},
	messages.ServerReady{Generation: 2},
	messages.CommandStarted{Pid: 7},
	messages.CommandExited{Exit: messages.Exit{Cause: messages.ExitSignal, Code: 137, Signal: "KILL"}},
	messages.ServerExited{Generation: 2, Pid: 3, Exit: messages.Exit{Cause: messages.ExitReturned}},
}

// moreSamples are the corners of the types with a body of their own.
var moreSamples = []any{
	messages.Deliver{},
	messages.Deliver{Type: strings.Repeat("n", 255)},
	messages.Reply{ID: 6, Err: "it failed"},
	messages.Reply{},
	messages.Requested{Command: messages.Restart{Mode: messages.Immediate}},
	messages.Requested{Command: messages.Deliver{ID: 3, Type: "t", Body: []byte("b")}},
	messages.Requested{Command: messages.Dump{}},
}

func TestEveryMessageComesBack(t *testing.T) {
	seen := map[Type]bool{}
	var stream []byte
	all := append(append([]any{}, samples...), moreSamples...)
	for _, m := range all {
		var err error
		if stream, err = Encode(stream, m); err != nil {
			t.Fatalf("%T: %v", m, err)
		}
	}
	r := NewReader(iotest.OneByteReader(bytes.NewReader(stream)), 0)
	for _, m := range all {
		typ, body, err := r.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(typ, body)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s came back as %+v, %v; want %+v", typ, got, err, m)
		}
		_, down := got.(messages.Command)
		if down != typ.Down() || down == typ.Up() {
			t.Errorf("%s travels the wrong way", typ)
		}
		seen[typ] = true
	}
	if _, _, err := r.ReadFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v", err)
	}
	for k := range kinds {
		if Type(k).Known() && !seen[Type(k)] {
			t.Errorf("%s has no sample", Type(k))
		}
	}
}

// These bytes are what other languages write; a change here is a change of the protocol.
func TestBytesOnTheWire(t *testing.T) {
	for want, m := range map[string]any{
		"SE\x01\x40\x00\x00\x00\x27" + `{"Min":1,"Max":1,"Build":"x","Pid":258}`: messages.Hello{Min: 1, Max: 1, Build: "x", Pid: 258},
		"SE\x01\x41\x00\x00\x00\x00":                                                        messages.Ready{},
		"SE\x01\x42\x00\x00\x00\x00":                                                        messages.Beat{},
		"SE\x01\x03\x00\x00\x00\x21" + `{"Mode":"graceful","Reason":"be"}`:                  messages.Stop{Reason: "be"},
		"SE\x01\x0b\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x01\x02\x00\x00\x00\x03\x01ab!": messages.Deliver{ID: 258, Slot: 3, Type: "a", Body: []byte("b!")},
		"SE\x01\x47\x00\x00\x00\x0d\x00\x00\x00\x00\x00\x00\x01\x02\x00\x01ab!":             messages.Reply{ID: 258, Type: "a", Body: []byte("b!")},
		"SE\x01\x47\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x01\x02\x01\x00no":              messages.Reply{ID: 258, Err: "no"},
		"SE\x01\x46\x00\x00\x00\x0e\x08" + `{"Workers":2}`:                                  messages.Requested{Command: messages.Scale{Workers: 2}},
	} {
		got, err := Encode(nil, m)
		if err != nil || string(got) != want {
			t.Errorf("%T\n got %q\nwant %q\n%v", m, got, want, err)
		}
	}
}

func TestWhatDoesNotCross(t *testing.T) {
	for _, m := range []any{
		nil, 7, messages.GetStatus{}, messages.Tell{}, messages.Ask{}, &messages.Stop{},
		messages.Requested{}, messages.Requested{Command: messages.Tell{}},
	} {
		if got, err := Encode([]byte("x"), m); !errors.Is(err, ErrNotForWire) || string(got) != "x" {
			t.Errorf("%T: %q, %v", m, got, err)
		}
	}
	for _, m := range []any{
		messages.Deliver{Slot: -1}, messages.Deliver{Type: strings.Repeat("n", 256)},
		messages.Reply{Type: strings.Repeat("n", 256)},
	} {
		if got, err := Encode([]byte("x"), m); err == nil || string(got) != "x" {
			t.Errorf("%T: %q, %v", m, got, err)
		}
	}
}

func TestBadBodies(t *testing.T) {
	for _, c := range []struct {
		t    Type
		body string
		is   error
	}{
		{0, "", ErrUnknownType},
		{63, "{}", ErrUnknownType},
		{200, "{}", ErrUnknownType},
		{TypeStop, "{", ErrBadBody},
		{TypeStop, `{"Mode":"soon"}`, ErrBadBody},
		{TypeStop, `[]`, ErrBadBody},
		{TypeJobsDone, `{"N":1e99}`, ErrBadBody},
		{TypeWorkerReady, `{"Incarnation":"x"}`, ErrBadBody},
		{TypeDeliver, "", ErrBadBody},
		{TypeDeliver, "123456781234", ErrBadBody},
		{TypeDeliver, "12345678\xff\xff\xff\xff\x00", ErrBadBody},
		{TypeDeliver, "12345678\x00\x00\x00\x00\x02a", ErrBadBody},
		{TypeReply, "123456780", ErrBadBody},
		{TypeReply, "12345678\x00\x01", ErrBadBody},
		{TypeRequested, "", ErrBadBody},
		{TypeRequested, "\x40{}", ErrBadBody},
		{TypeRequested, "\x46\x46\x46", ErrBadBody},
		{TypeRequested, "\x3f", ErrUnknownType},
	} {
		if m, err := Decode(c.t, []byte(c.body)); !errors.Is(err, c.is) || m != nil {
			t.Errorf("%s of %q: %v, %v", c.t, c.body, m, err)
		}
	}
}

func TestDecodedBodiesAreCopies(t *testing.T) {
	f, err := Encode(nil, messages.Deliver{Body: []byte("hello")})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Decode(TypeDeliver, f[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	clear(f)
	if got := m.(messages.Deliver); string(got.Body) != "hello" {
		t.Fatalf("the body shares the reader's memory: %q", got.Body)
	}
}

func FuzzDecode(f *testing.F) {
	for _, m := range append(append([]any{}, samples...), moreSamples...) {
		b, err := Encode(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[3], b[HeaderSize:])
	}
	f.Add(byte(TypeStop), []byte(`null`))
	f.Add(byte(TypeRequested), []byte("\x46\x46\x46\x08{}"))
	f.Add(byte(200), []byte{})
	f.Fuzz(func(t *testing.T, typ byte, body []byte) {
		m, err := Decode(Type(typ), body)
		if err != nil {
			if m != nil {
				t.Fatalf("an error and %+v", m)
			}
			return
		}
		b, err := Encode(nil, m)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", m, err)
		}
		again, err := Decode(Type(b[3]), b[HeaderSize:])
		if err != nil {
			t.Fatalf("%q was written and cannot be read: %v", b, err)
		}
		// Compared as bytes: an empty slice and none are the same on the wire.
		b2, err := Encode(nil, again)
		if err != nil || !bytes.Equal(b, b2) {
			t.Fatalf("%q became %q, %v", b, b2, err)
		}
	})
}
