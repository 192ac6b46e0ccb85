package logging

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sirupsen/logrus"
)

// readSize is the most that one read takes from a pipe, in bytes.
const readSize = 64 << 10

// buffers are lent to a stream from the moment its pipe has data until that is
// emitted: an idle stream costs no buffer.
var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// mark ends and begins the pieces of something that was cut.
const mark = "..."

// limits are in bytes, the newline of a record among them; only tests change them.
type limits struct{ line, record int }

// stream is one pipe with its goroutine.
type stream struct {
	c      *Collector
	src    Stream
	reader *pipeReader
	life   *life
	carry  []byte // a record or line whose end has not come yet
	cut    bool   // carry continues something that was cut
	limits limits

	fields fieldSet // of captured lines
	out    []byte   // captured lines, formatted; nil between reads
}

func newStream(c *Collector, src Stream, r *pipeReader, l *life) *stream {
	s := &stream{c: c, src: src, reader: r, life: l, limits: limits{MaxLine, MaxRecord}}
	if src.Kind == Records {
		return s
	}
	fields := map[string]any{"incarnation": src.Incarnation, "stream": src.Kind.String()}
	if src.Worker >= 0 {
		fields["worker"] = src.Worker
	}
	if src.Name != "" {
		fields["process"] = src.Name
	}
	s.fields = newFieldSet(fields)
	return s
}

func (s *stream) run() {
	defer s.c.readers.Done()
	defer s.c.ended(s)
	defer s.reader.close()
	for {
		buf, n, err := s.reader.read()
		if n > 0 {
			s.take(buf[:n])
		}
		if buf != nil {
			buffers.Put(buf)
		}
		if err != nil {
			s.finish(err)
			return
		}
	}
}

func (s *stream) take(data []byte) {
	if s.src.Kind == Records {
		s.takeRecords(data)
		return
	}
	s.takeLines(data)
}

// finish emits what has no end; a pipe that cannot be read any more is told.
func (s *stream) finish(err error) {
	switch {
	case s.src.Kind != Records:
		if len(s.carry) > 0 {
			s.line(s.carry)
		}
		s.flush()
	case len(s.carry) > 0:
		// The process died within a write.
		if len(s.carry) > s.limits.record-len(mark+"\n") {
			s.cutRecord()
		}
		s.c.emit(append(s.carry, mark+"\n"...))
	}
	s.carry = nil
	if err != io.EOF && !errors.Is(err, os.ErrClosed) {
		s.c.emit(appendNotice(nil, s.c.isJSON.Load(), logrus.ErrorLevel,
			fmt.Sprintf("cannot read the %s of %s any more: %v", s.src.Kind, s.src.Incarnation, err)))
	}
}

// takeRecords passes whole records on and keeps the rest. Data that ends between two lines
// of one record looks whole: then its lines are passed on apart, in their order.
func (s *stream) takeRecords(data []byte) {
	if len(s.carry) > 0 {
		end := firstRecord(data)
		if end == 0 {
			s.keepRecord(data)
			return
		}
		s.keepRecord(data[:end])
		s.c.emit(s.carry)
		s.dropCarry()
		data = data[end:]
	}
	end := wholeRecords(data, len(data))
	s.c.emit(data[:end])
	s.keepRecord(data[end:])
}

// keepRecord appends to carry and cuts it when it gets too long.
func (s *stream) keepRecord(data []byte) {
	for len(s.carry)+len(data) > s.limits.record {
		n := s.limits.record - len(s.carry)
		s.carry = append(s.carry, data[:n]...)
		s.cutRecord()
		data = data[n:]
	}
	s.carry = append(s.carry, data...)
}

// cutRecord emits the beginning of carry, as much as a record may have.
func (s *stream) cutRecord() {
	n := runeStart(s.carry, s.limits.record-len(mark+"\n"))
	if s.carry[n-1] == '\n' {
		n-- // a mark in a line of its own would end the record
	}
	rest := append([]byte{continuation}, mark...)
	rest = append(rest, s.carry[n:]...)
	s.c.emit(append(s.carry[:n], mark+"\n"...))
	s.carry = append(s.carry[:0], rest...)
}

// dropCarry keeps the memory of short records only.
func (s *stream) dropCarry() {
	s.carry = s.carry[:0]
	if cap(s.carry) > 4<<10 {
		s.carry = nil
	}
}

// takeLines makes records of lines and keeps the rest.
func (s *stream) takeLines(data []byte) {
	for len(data) > 0 {
		nl := bytes.IndexByte(data, '\n')
		if nl < 0 {
			s.carry = append(s.carry, data...)
			s.carry = append(s.carry[:0], s.cutLine(s.carry)...)
			break
		}
		line := data[:nl]
		if len(s.carry) > 0 {
			s.carry = append(s.carry, line...)
			line = s.carry
		}
		s.line(s.cutLine(line))
		s.dropCarry()
		data = data[nl+1:]
	}
	s.flush()
}

// cutLine makes records of the beginning of a line that is too long and returns
// its rest.
func (s *stream) cutLine(line []byte) []byte {
	for len(line) > s.limits.line {
		n := runeStart(line, s.limits.line)
		s.record(line[:n], true)
		line = line[n:]
	}
	return line
}

// runeStart returns the greatest place not after n where a rune of b begins, or n
// if b is no UTF-8 there.
func runeStart(b []byte, n int) int {
	for i := n; i > n-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			return i
		}
	}
	return n
}

// line makes a record of the end of a line, or of a whole one.
func (s *stream) line(line []byte) {
	s.record(bytes.TrimSuffix(line, []byte("\r")), false)
}

// record formats one captured line, or a piece of one that goes on.
func (s *stream) record(text []byte, more bool) {
	s.life.tail.add(text)
	before, after := "", ""
	if s.cut {
		before = mark
	}
	if more {
		after = mark
	}
	s.cut = more
	s.out = s.format(s.out, before, text, after)
	if len(s.out) >= readSize {
		s.flush()
	}
}

func (s *stream) format(dst []byte, before string, text []byte, after string) []byte {
	pid := int(s.life.pid.Load())
	if !s.c.isJSON.Load() {
		dst = appendTextHead(dst, time.Now(), logrus.InfoLevel, pid)
		dst = append(append(append(dst, before...), text...), after...)
		return append(s.fields.append(dst, false, nil), '\n')
	}
	dst = appendJSONHead(dst, time.Now(), logrus.InfoLevel, pid)
	dst = appendEscaped(append(append(dst, '"'), before...), text)
	dst = append(append(dst, after...), '"')
	return append(s.fields.append(dst, true, nil), '}', '\n')
}

// flush emits the formatted lines.
func (s *stream) flush() {
	s.c.emit(s.out)
	s.out = s.out[:0]
	if cap(s.out) > 4<<10 {
		s.out = nil
	}
}
