package workers

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

// FuzzHandover: whatever a child's tag says of however many descriptors, either each of them
// has one place, and the handover is written again as it was read, or all are closed.
func FuzzHandover(f *testing.F) {
	tag, _ := Handover{Records: os.Stdin, Stdout: os.Stdin, Stderr: os.Stdin, Conn: os.Stdin}.Tag(messages.Incarnation{Generation: 1, Slot: 2, Life: 3})
	f.Add(tag, byte(4))
	f.Add(tag, byte(3))
	for _, s := range []string{
		`{"Incarnation":"1.0.1","Names":["conn","conn"]}`, `{"Incarnation":"1.0.1","Names":["conn","other"]}`, `{"Names":["conn","records"]}`,
		`{"Incarnation":"7","names":["stderr","stdout"]}`, `{"Incarnation":"01.0.1","Names":["conn","records"]}`, `{"Incarnation":null,"Names":null}`, `null`, ``,
	} {
		f.Add([]byte(s), byte(2))
	}
	f.Fuzz(func(t *testing.T, tag []byte, n byte) {
		files := make([]*os.File, n%9)
		for i := range files {
			var err error
			if files[i], err = os.Open(os.DevNull); err != nil {
				t.Fatal(err)
			}
		}
		inc, h, err := ReadHandover(tag, files)
		if err == nil {
			readAgain(t, inc, h, files)
			h.Close()
		} else if h != (Handover{}) {
			t.Fatalf("%v and %+v", err, h)
		}
		for i, file := range files {
			if file.Close() == nil {
				t.Fatalf("descriptor %d of %d is still open: %+v, %v", i, len(files), h, err)
			}
		}
	})
}

func readAgain(t *testing.T, inc messages.Incarnation, h Handover, files []*os.File) {
	t.Helper()
	tag, parts := h.Tag(inc)
	if len(parts) != len(files) || inc == (messages.Incarnation{}) {
		t.Fatalf("%+v of %s has %d of %d descriptors", h, inc, len(parts), len(files))
	}
	inc2, h2, err := ReadHandover(tag, parts)
	if err != nil || inc2 != inc || h2 != h {
		t.Fatalf("%+v of %s became %+v of %s, %v", h, inc, h2, inc2, err)
	}
}

// FuzzCommand: a keeper gets the command that its server sends, byte for byte; and whatever
// else it gets is refused or names a program, and would be sent as the same command.
func FuzzCommand(f *testing.F) {
	f.Add([]byte(`{"Path":"/bin/cat","Args":["a"],"Env":["A=1"],"Listen":["a:1"],"Wire":false}`), "/bin/cat", "-\x00-é")
	f.Add([]byte(`{"Path":"\"\\xff\"","Quoted":true,"Dir":"\"\"","User":"\"\"","Group":"\"\""}`), "/\xff", "\xff\xfe\n'\"\\")
	f.Add([]byte(`{"Path":"'a'","Quoted":true}`), "\u2028", "\ufffd")
	f.Add([]byte(`{"path":"\ud800"}`), "x", "")
	f.Add([]byte(`null`), "", "")
	f.Fuzz(func(t *testing.T, body []byte, path, text string) {
		arrives(t, Command{Path: path, Args: []string{text, path}, Env: strings.Split(text, "\n"), Dir: text, User: text, Group: path, Listen: []string{text}})
		c, err := decodeCommand(body)
		if err != nil {
			if !reflect.DeepEqual(c, Command{}) {
				t.Fatalf("%v and %+v", err, c)
			}
			return
		}
		arrives(t, c)
	})
}

func arrives(t *testing.T, c Command) {
	t.Helper()
	body, err := encodeCommand(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeCommand(body)
	if err == nil != (c.Path != "") {
		t.Fatalf("%+v: %v", c, err)
	}
	if err == nil && !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v arrives as %+v in %s", c, got, body)
	}
	if again, err := encodeCommand(c); err != nil || !bytes.Equal(again, body) {
		t.Fatalf("%+v is changed when it is sent: %s, then %s", c, body, again)
	}
}
