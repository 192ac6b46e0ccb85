package serverengine

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/messages"
)

// FuzzWords: whatever comes on stdin and however it is cut into reads, each line is obeyed
// exactly when it is a command word, and refused with a message when it is anything else.
func FuzzWords(f *testing.F) {
	f.Add([]byte("GRACEFUL_STOP\nDUMP\r\n RELOAD \n\nreload\nRELOAD DUMP\nDETACH"), byte(1), uint16(0))
	f.Add([]byte("IMMEDIATE_STOP\x00\nIMMEDIATE_RESTART\n\xff\xfe\nGRACEFUL_RESTART\r\r\n"), byte(7), uint16(0))
	for _, blanks := range []uint16{longestLine - 7, longestLine - 6, longestLine - 5, longestLine, 2 * longestLine} {
		f.Add([]byte("RELOAD"), byte(255), blanks)       // at the end of the input
		f.Add([]byte("RELOAD\nDUMP\n"), byte(3), blanks) // within a line
		f.Add([]byte("RELOAD\r\nDUMP\n"), byte(0), blanks)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece byte, blanks uint16) {
		// Long lines are made here: no mutation finds the way to 4096 bytes.
		text = append(bytes.Repeat([]byte(" "), int(blanks)%(3*longestLine)), text...)
		var got []string
		log := logrus.New()
		log.SetOutput(io.Discard)
		log.AddHook(noting{&got})
		obeyWords(&pieces{text, 1 + int(piece)}, func(c messages.Command) { got = append(got, "obey "+c.String()) }, log)
		if want := meaning(text); !slices.Equal(got, want) {
			t.Fatalf("%q in pieces of %d: got %q, want %q", text, 1+int(piece), got, want)
		}
	})
}

// meaning is what has to happen, line by line.
func meaning(text []byte) (want []string) {
	for line := range bytes.Lines(text) {
		word := strings.TrimSpace(string(line))
		ended := bytes.HasSuffix(line, []byte("\n"))
		command := messages.CommandWords()[word]
		switch {
		case len(line) > longestLine || !ended && len(line) == longestLine:
			want = append(want, "warning: command_sender: pipe: a line that is far too long is no command word")
		case command != nil:
			want = append(want, fmt.Sprintf("info: command word %s: %s", word, command), "obey "+command.String())
		case word != "":
			want = append(want, fmt.Sprintf("warning: command_sender: pipe: %.80q is no command word", word))
		}
	}
	return want
}

// pieces is a reader that gives at most n bytes at a time.
type pieces struct {
	rest []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), p.n)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// noting is a hook that writes down what is logged.
type noting struct{ lines *[]string }

func (noting) Levels() []logrus.Level { return logrus.AllLevels }

func (h noting) Fire(e *logrus.Entry) error {
	*h.lines = append(*h.lines, e.Level.String()+": "+e.Message)
	return nil
}
