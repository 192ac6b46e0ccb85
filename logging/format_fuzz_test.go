package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

// FuzzFormat: whatever a program logs, it is one record; as JSON one line that reads back,
// as text fields that read back.
func FuzzFormat(f *testing.F) {
	for _, s := range []string{
		"plain", "two\nlines\n", "\n\tindented\n\n\n", "", "\"quoted\\\" = \x7f\x00\xff\u2028é", "{\"a\":1}", "\xed\xa0\x80", " ", "a=b", "…", "\ufffd", "\u00a0", "```",
	} {
		f.Add(s, "key", s, uint8(4))
		f.Add("msg", s, "value", uint8(200))
	}
	f.Add("", "time", "msg", uint8(0))
	f.Fuzz(func(t *testing.T, msg, key, value string, level uint8) {
		e := &logrus.Entry{Message: msg, Level: logrus.Level(level), Time: time.Now(), Data: logrus.Fields{
			key: value, "bytes": []byte(value), "error": errors.New(value), "list": []string{value}, "raw": json.RawMessage(value), "n": int64(level),
		}}
		text, err := NewTextFormatter(1, map[string]any{key + "x": value}).Format(e)
		must(t, err)
		if n := firstRecord(text); n != len(text) {
			t.Fatalf("%q is more than one record", text)
		}
		b, err := NewJSONFormatter(1, map[string]any{key + "x": value}).Format(e)
		must(t, err)
		jsonReadsBack(t, b, strings.TrimRight(msg, "\n"), key, value)
		textReadsBack(t, key, value)
	})
}

func jsonReadsBack(t *testing.T, b []byte, msg, key, value string) {
	t.Helper()
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // one of the user's may be of any size
	if err := d.Decode(&m); err != nil || !json.Valid(b) || bytes.IndexByte(b, '\n') != len(b)-1 || !utf8.Valid(b) {
		t.Fatalf("%q: %v", b, err)
	}
	if m["msg"] != string([]rune(msg)) { // each byte that is no UTF-8 is replaced
		t.Fatalf("%q says %q, not %q", b, m["msg"], msg)
	}
	switch key {
	case "bytes", "error", "list", "raw", "n": // the other value may be the one
		return
	case "time", "level", "pid", "msg":
		key = "fields." + key
	}
	if m[string([]rune(key))] != string([]rune(value)) {
		t.Fatalf("%q: the field %q is %q, not %q", b, key, m[key], value)
	}
}

// textReadsBack: exactly, also what is no UTF-8.
func textReadsBack(t *testing.T, key, value string) {
	t.Helper()
	b := string(appendTextField(nil, key, value))
	rest, ok := strings.CutPrefix(b, " ")
	gotKey, rest := unquoted(t, rest)
	rest, ok2 := strings.CutPrefix(rest, "=")
	gotValue, rest := unquoted(t, rest)
	if !ok || !ok2 || rest != "" || gotKey != key || gotValue != value {
		t.Fatalf("%q: %q and %q, want %q and %q", b, gotKey, gotValue, key, value)
	}
}

// unquoted reads a key or a value and returns what follows it.
func unquoted(t *testing.T, s string) (string, string) {
	t.Helper()
	if !strings.HasPrefix(s, `"`) {
		n := strings.IndexAny(s, "= ")
		if n < 0 {
			n = len(s)
		}
		return s[:n], s[n:]
	}
	quoted, err := strconv.QuotedPrefix(s)
	must(t, err)
	text, err := strconv.Unquote(quoted)
	must(t, err)
	return text, s[len(quoted):]
}

// FuzzBackupName: a name is taken for that of a backup, which may be removed, exactly when
// it is one, compressed or not; and each log finds its own.
func FuzzBackupName(f *testing.F) {
	for _, name := range []string{
		"app-2006-01-02T15-04-05.000.log", "app-2006-01-02T15-04-05.000.log.gz", "app-2006-01-02T15-04-05,000.log", "app-2006-01-02T15-04-05.0001.log",
		"app-.log", "app.log", "app-2006-02-30T15-04-05.000.log", "app-2006-01-02T15-04-05.000.log.gz.tmp", "app-2006-01-02T15-04-05.000.log.gz.gz",
		"xapp-2006-01-02T15-04-05.000.log", "app-2006-01-02T24-04-05.000.log", "",
	} {
		f.Add("app.log", name, int64(1136214245000))
	}
	for _, base := range []string{"app.gz", "app", ".log", "a.b.c", "2006-01-02T15-04-05.000", "app-", "app.log.gz", ".gz"} {
		f.Add(base, base+".gz", int64(0))
	}
	f.Fuzz(func(t *testing.T, base, name string, ms int64) {
		if base == "" || base == "." || base == ".." || filepath.Base(base) != base || filepath.Base(name) != name {
			t.Skip("no names of files")
		}
		stamp := time.UnixMilli(ms % (253402300800 * 1000)).UTC() // up to the year 9999
		own := filepath.Base(backupName(base, stamp))
		if stamp.Year() >= 0 {
			for _, n := range []string{own, own + gzSuffix} {
				if got, ok := backupOf(base, n); !ok || got != own {
					t.Fatalf("%q of %q is read as %q, %v", n, base, got, ok)
				}
			}
			if at, ok := stampOf(base, own); !ok || !at.Equal(stamp) {
				t.Fatalf("%q of %q is of %v, not %v", own, base, at, stamp)
			}
		}
		if got, ok := backupOf(base, name); ok {
			at, ok := stampOf(base, got)
			if !ok || filepath.Base(backupName(base, at)) != got || name != got && name != got+gzSuffix {
				t.Fatalf("%q is taken for a backup of %q: %q, %v", name, base, got, ok)
			}
		}
	})
}
