package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

var seedTime = time.Date(2026, 11, 23, 16, 33, 59, 882617999, time.Local)

func entry(level logrus.Level, msg string, data logrus.Fields) *logrus.Entry {
	return &logrus.Entry{Time: seedTime, Level: level, Message: msg, Data: data}
}

type badStringer struct{}

func (*badStringer) String() string { panic("no string") }

func TestTextFormat(t *testing.T) {
	const at = "[2026-11-23T16:33:59.882617 #25872] "
	fields := map[string]any{"worker": 3, "incarnation": "1.0.2"}
	for _, c := range []struct {
		name   string
		entry  *logrus.Entry
		fields map[string]any
		want   string
	}{
		{"the seed's line", entry(logrus.InfoLevel, "message", nil), nil, "I, " + at + " INFO -- : message\n"},
		{"error", entry(logrus.ErrorLevel, "m", nil), nil, "E, " + at + "ERROR -- : m\n"},
		{"warn", entry(logrus.WarnLevel, "m", nil), nil, "W, " + at + " WARN -- : m\n"},
		{"debug", entry(logrus.DebugLevel, "m", nil), nil, "D, " + at + "DEBUG -- : m\n"},
		{"trace", entry(logrus.TraceLevel, "m", nil), nil, "T, " + at + "TRACE -- : m\n"},
		{"fatal", entry(logrus.FatalLevel, "m", nil), nil, "F, " + at + "FATAL -- : m\n"},
		{"panic", entry(logrus.PanicLevel, "m", nil), nil, "F, " + at + "FATAL -- : m\n"},
		{"empty", entry(logrus.InfoLevel, "", nil), nil, "I, " + at + " INFO -- : \n"},
		{"newline at the end", entry(logrus.InfoLevel, "m\n\n", nil), nil, "I, " + at + " INFO -- : m\n"},
		{"several lines", entry(logrus.InfoLevel, "a\n\nb\n", logrus.Fields{"k": 1}), nil,
			"I, " + at + " INFO -- : a\n\t\n\tb k=1\n"},
		{"own fields only", entry(logrus.InfoLevel, "m", nil), fields, "I, " + at + " INFO -- : m incarnation=1.0.2 worker=3\n"},
		{"sorted", entry(logrus.InfoLevel, "m", logrus.Fields{"z": true, "a": "x", "j": nil}), fields,
			"I, " + at + " INFO -- : m a=x incarnation=1.0.2 j=<nil> worker=3 z=true\n"},
		{"the record wins", entry(logrus.InfoLevel, "m", logrus.Fields{"worker": 9}), fields,
			"I, " + at + " INFO -- : m incarnation=1.0.2 worker=9\n"},
		{"quoting", entry(logrus.InfoLevel, "m", logrus.Fields{"a": "two words", "b": "", "c": "x=y", "d": "q\"q", "e": "n\nn", "f g": "é", "h": "\xff"}), nil,
			"I, " + at + ` INFO -- : m a="two words" b="" c="x=y" d="q\"q" e="n\nn" "f g"=é h="\xff"` + "\n"},
		{"values", entry(logrus.InfoLevel, "m", logrus.Fields{"d": time.Second, "e": errors.New("no way"), "f": 1.5, "n": int64(-1), "u": uint64(1), "b": []byte("x y"), "s": []int{1, 2}}), nil,
			"I, " + at + ` INFO -- : m b="x y" d=1s e="no way" f=1.5 n=-1 s="[1 2]" u=1` + "\n"},
	} {
		got, err := NewTextFormatter(25872, c.fields).Format(c.entry)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %q\nwant %q (%v)", c.name, got, c.want, err)
		}
	}
	if got, err := new(TextFormatter).Format(entry(logrus.InfoLevel, "m", logrus.Fields{"k": new(badStringer)})); err != nil || !bytes.Contains(got, []byte("PANIC")) {
		t.Errorf("a String method that panics: %q, %v", got, err)
	}
}

func TestJSONFormat(t *testing.T) {
	got, err := NewJSONFormatter(7, map[string]any{"worker": 3}).Format(entry(logrus.WarnLevel, "a \"b\"\nc\n", logrus.Fields{
		"msg": "mine", "e": errors.New("no"), "d": time.Second, "l": []int{1}, "bad": func() {}, "nil": nil,
	}))
	must(t, err)
	var m map[string]any
	if err := json.Unmarshal(got, &m); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	for k, want := range map[string]any{"level": "warn", "pid": 7.0, "msg": "a \"b\"\nc", "worker": 3.0, "fields.msg": "mine", "e": "no", "d": "1s", "nil": nil} {
		if m[k] != want {
			t.Errorf("%s = %v, want %v", k, m[k], want)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, m["time"].(string))
	if err != nil || !at.Equal(seedTime.Truncate(time.Microsecond)) {
		t.Errorf("time %v, want %v (%v)", at, seedTime, err)
	}
}

// Any message and field makes exactly one record, and JSON gives the message back.
func TestFormatProperty(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	letters := []string{"a", "\n", "\t", "\"", "\\", "\x00", "\xff", "é", "\u2028", "=", " ", "\r", "😀", "\xf0\x9f"}
	for range 20000 {
		var sb strings.Builder
		for range rnd.IntN(10) {
			sb.WriteString(letters[rnd.IntN(len(letters))])
		}
		s := sb.String()
		e := entry(logrus.InfoLevel, s, logrus.Fields{"k" + s: s})
		text, _ := NewTextFormatter(1, nil).Format(e)
		if firstRecord(text) != len(text) {
			t.Fatalf("%q is not one record: %q", s, text)
		}
		line, _ := NewJSONFormatter(1, nil).Format(e)
		var m struct{ Msg string }
		if err := json.Unmarshal(line, &m); err != nil || bytes.IndexByte(line, '\n') != len(line)-1 {
			t.Fatalf("%q is not one line of JSON: %q (%v)", s, line, err)
		}
		if want := strings.TrimRight(s, "\n"); utf8.ValidString(s) && m.Msg != want {
			t.Fatalf("message %q became %q", want, m.Msg)
		}
	}
}

func TestAppendTime(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		at := time.Unix(rnd.Int64N(1<<33), rnd.Int64N(1e9))
		if got, want := string(appendTime(nil, at)), at.Format("2006-01-02T15:04:05.000000"); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}
