package logging

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
)

// TextFormatter renders a record in the shape of the seed, with local time in
// microseconds, the severity right-aligned in five columns and the fields sorted:
//
//	I, [2026-11-23T16:33:59.882617 #25872]  INFO -- : message key=value other="two words"
//
// Lines of a message after the first are indented by a tab; newlines at its end
// are cut off. The zero value prints this process's pid and no fields of its own.
// It is safe for concurrent use.
type TextFormatter struct {
	pid    int
	fields fieldSet
}

// NewTextFormatter returns a formatter for records of the process pid (0: this
// one), each with the given fields; a field of the record itself wins.
func NewTextFormatter(pid int, fields map[string]any) *TextFormatter {
	return &TextFormatter{pid: orOurs(pid), fields: newFieldSet(fields)}
}

// Format implements logrus.Formatter.
func (f *TextFormatter) Format(e *logrus.Entry) ([]byte, error) {
	dst, buf := room(e)
	dst = appendTextHead(dst, e.Time, e.Level, orOurs(f.pid))
	dst = appendMessage(dst, e.Message)
	dst = f.fields.append(dst, false, e.Data)
	if e.Caller != nil {
		dst = appendTextField(dst, "caller", callerOf(e))
	}
	return keep(buf, append(dst, '\n')), nil
}

// JSONFormatter renders a record as one JSON object on one line: time (RFC 3339
// with microseconds and zone), level, pid, msg, then the fields sorted by key. A
// field with one of these four names gets the prefix "fields.". The zero value
// prints this process's pid. It is safe for concurrent use.
type JSONFormatter struct {
	pid    int
	fields fieldSet
}

// NewJSONFormatter is NewTextFormatter for JSON.
func NewJSONFormatter(pid int, fields map[string]any) *JSONFormatter {
	return &JSONFormatter{pid: orOurs(pid), fields: newFieldSet(fields)}
}

// Format implements logrus.Formatter.
func (f *JSONFormatter) Format(e *logrus.Entry) ([]byte, error) {
	dst, buf := room(e)
	dst = appendJSONHead(dst, e.Time, e.Level, orOurs(f.pid))
	dst = appendJSONString(dst, strings.TrimRight(e.Message, "\n"))
	dst = f.fields.append(dst, true, e.Data)
	if e.Caller != nil {
		dst = appendJSONField(dst, "caller", callerOf(e))
	}
	return keep(buf, append(dst, '}', '\n')), nil
}

var ourPid = os.Getpid()

func orOurs(pid int) int {
	if pid == 0 {
		return ourPid
	}
	return pid
}

func callerOf(e *logrus.Entry) string {
	return e.Caller.File + ":" + strconv.Itoa(e.Caller.Line)
}

// room returns the free space of the entry's buffer, which logrus reuses, so that
// formatting needs no memory of its own.
func room(e *logrus.Entry) ([]byte, *bytes.Buffer) {
	if e.Buffer == nil {
		return make([]byte, 0, 256), nil
	}
	e.Buffer.Grow(256)
	return e.Buffer.AvailableBuffer(), e.Buffer
}

func keep(buf *bytes.Buffer, b []byte) []byte {
	if buf == nil {
		return b
	}
	buf.Write(b)
	return buf.Bytes()
}

// appendTextHead appends all of a line of text that precedes the message.
func appendTextHead(dst []byte, t time.Time, level logrus.Level, pid int) []byte {
	s := severityOf(level)
	dst = append(dst, s.letter, ',', ' ', '[')
	dst = appendTime(dst, t.Local())
	dst = append(dst, ' ', '#')
	dst = strconv.AppendInt(dst, int64(pid), 10)
	dst = append(dst, ']', ' ')
	dst = append(dst, s.label...)
	return append(dst, " -- : "...)
}

// appendJSONHead appends the object up to the colon of msg.
func appendJSONHead(dst []byte, t time.Time, level logrus.Level, pid int) []byte {
	t = t.Local()
	dst = append(dst, `{"time":"`...)
	dst = appendTime(dst, t)
	dst = t.AppendFormat(dst, "Z07:00")
	dst = append(dst, `","level":"`...)
	dst = append(dst, severityOf(level).name...)
	dst = append(dst, `","pid":`...)
	dst = strconv.AppendInt(dst, int64(pid), 10)
	return append(dst, `,"msg":`...)
}

// appendTime appends t as 2006-01-02T15:04:05.000000, about three times as fast
// as Time.AppendFormat.
func appendTime(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = append2(append2(dst, year/100), year%100)
	dst = append2(append(dst, '-'), int(month))
	dst = append2(append(dst, '-'), day)
	dst = append2(append(dst, 'T'), hour)
	dst = append2(append(dst, ':'), minute)
	dst = append2(append(dst, ':'), second)
	micro := t.Nanosecond() / 1000
	dst = append2(append(dst, '.'), micro/10000)
	return append2(append2(dst, micro/100%100), micro%100)
}

func append2(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10%10), byte('0'+n%10))
}

// appendMessage appends msg as one record: see the package comment on newlines.
func appendMessage(dst []byte, msg string) []byte {
	for {
		nl := strings.IndexByte(msg, '\n')
		if nl < 0 {
			return append(dst, msg...)
		}
		rest := strings.TrimLeft(msg[nl:], "\n")
		if rest == "" {
			return append(dst, msg[:nl]...)
		}
		dst = append(append(dst, msg[:nl]...), '\n', continuation)
		msg = msg[nl+1:]
	}
}

// appendNotice appends a record of the package itself.
func appendNotice(dst []byte, isJSON bool, level logrus.Level, msg string) []byte {
	now := time.Now()
	if isJSON {
		dst = appendJSONHead(dst, now, level, ourPid)
		return append(appendJSONString(dst, msg), '}', '\n')
	}
	dst = appendTextHead(dst, now, level, ourPid)
	return append(appendMessage(dst, msg), '\n')
}
