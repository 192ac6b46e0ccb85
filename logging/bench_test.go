package logging

import (
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/sirupsen/logrus"
)

// BenchmarkText is a record from the logger to nowhere.
func BenchmarkText(b *testing.B) { benchmarkLogger(b, FormatText, nil) }

func BenchmarkTextFields(b *testing.B) {
	benchmarkLogger(b, FormatText, logrus.Fields{"path": "/x", "status": 200, "took": "12 ms"})
}

func BenchmarkJSON(b *testing.B) { benchmarkLogger(b, FormatJSON, nil) }

func benchmarkLogger(b *testing.B, format string, fields logrus.Fields) {
	l := NewLogger(LoggerOptions{Out: io.Discard, Format: format, Fields: map[string]any{"worker": 3, "incarnation": "1.3.1"}})
	b.ReportAllocs()
	for b.Loop() {
		if fields == nil {
			l.Info("a message of the usual length, about fifty bytes")
		} else {
			l.WithFields(fields).Info("a message of the usual length, about fifty bytes")
		}
	}
}

// BenchmarkFormatter is the formatting alone.
func BenchmarkFormatter(b *testing.B) {
	f, e := NewTextFormatter(1, map[string]any{"worker": 3}), entry(logrus.InfoLevel, "a message of the usual length, about fifty bytes", nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Format(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	w := benchmarkWriter(b)
	line := []byte(numbered("w", 0))
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || w.Lost() > 0 {
		b.Fatal(err, w.Lost())
	}
}

func benchmarkWriter(b *testing.B) *Writer {
	w, err := open(Options{Path: filepath.Join(b.TempDir(), "app.log"), RotateAge: 5, RotateSize: 1 << 20}, patient())
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkCollector is a record of 100 bytes in a child, one write(2) each, through
// the pipe and the Collector into the rotating file.
func BenchmarkCollector(b *testing.B) { benchmarkCollector(b, Records) }

// BenchmarkCapture is the same for printed lines.
func BenchmarkCapture(b *testing.B) { benchmarkCollector(b, Stdout) }

func benchmarkCollector(b *testing.B, kind Kind) {
	w := benchmarkWriter(b)
	c := NewCollector(w, FormatText)
	r, end, err := CreatePipe()
	if err != nil {
		b.Fatal(err)
	}
	err = c.Add(Stream{Kind: kind, File: r, Incarnation: "1.0.1"})
	p := NewPipeWriter(end, "")
	p.wait = patient().wait
	line := []byte(numbered("w", 0))
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := p.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(err, p.Close(), c.Close(b.Context()), w.Close()); err != nil || w.Lost() > 0 {
		b.Fatal(err, w.Lost())
	}
}
