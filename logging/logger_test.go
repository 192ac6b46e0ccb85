package logging

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"
)

// tailOf returns what follows " -- : " in each line.
func messages(b *bytes.Buffer) (out []string) {
	for line := range strings.Lines(b.String()) {
		_, msg, _ := strings.Cut(line, " -- : ")
		out = append(out, strings.TrimSuffix(msg, "\n"))
	}
	b.Reset()
	return out
}

func TestLevels(t *testing.T) {
	var buf bytes.Buffer
	l := NewLogger(LoggerOptions{Out: &buf, Level: "nonsense"})
	if l.GetLevel() != logrus.DebugLevel {
		t.Errorf("the default is %v, want debug", l.GetLevel())
	}
	for i, name := range []string{"fatal", "error", "WARN", "info", "debug", "trace"} {
		must(t, SetLevel(l, name))
		for _, level := range []logrus.Level{logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel, logrus.DebugLevel, logrus.TraceLevel} {
			l.Log(level, "m")
		}
		if got := len(messages(&buf)); got != i+1 {
			t.Errorf("at level %s %d records, want %d", name, got, i+1)
		}
	}
	if err := SetLevel(l, "loud"); err == nil || l.GetLevel() != logrus.TraceLevel {
		t.Errorf("an unknown level: %v, now %v", err, l.GetLevel())
	}
}

// The format of a logger changes while it is used; a formatter of the owner's stays.
func TestSetFormat(t *testing.T) {
	var buf bytes.Buffer
	l := NewLogger(LoggerOptions{Out: &buf, Format: "nonsense"})
	for _, c := range []struct{ format, begins string }{{"text", "I, ["}, {"json", `{"time":`}, {"text", "I, ["}} {
		must(t, SetFormat(l, c.format))
		buf.Reset()
		l.Info("m")
		if !strings.HasPrefix(buf.String(), c.begins) {
			t.Errorf("as %s: %s", c.format, buf.String())
		}
	}
	if err := SetFormat(l, "xml"); err == nil {
		t.Error("an unknown format is no error")
	}
	own := &logrus.TextFormatter{}
	l.SetFormatter(own)
	must(t, SetFormat(l, "json"))
	if l.Formatter != logrus.Formatter(own) {
		t.Error("the owner's formatter is gone")
	}
}

func TestFatalDoesNotExit(t *testing.T) {
	var buf bytes.Buffer
	NewLogger(LoggerOptions{Out: &buf}).Fatal("still here")
	code := -1
	NewLogger(LoggerOptions{Out: &buf, Exit: func(c int) { code = c }}).Fatal("asked")
	if got := messages(&buf); len(got) != 2 || code != 1 {
		t.Errorf("%q, exit %d", got, code)
	}
}

// hook remembers the fields it saw.
type hook struct{ saw []logrus.Fields }

func (h *hook) Levels() []logrus.Level { return logrus.AllLevels }
func (h *hook) Fire(e *logrus.Entry) error {
	h.saw = append(h.saw, e.Data)
	return nil
}

func TestAdoptLogger(t *testing.T) {
	var before, after bytes.Buffer
	h := &hook{}
	l := logrus.New()
	l.SetOutput(&before)
	l.SetFormatter(&logrus.TextFormatter{DisableTimestamp: true})
	l.AddHook(h)
	if err := AdoptLogger(l, nil, AdoptOptions{Level: "loud"}); err == nil {
		t.Error("an unknown level is accepted")
	}
	must(t, AdoptLogger(l, nil, AdoptOptions{Fields: map[string]any{"worker": 1}}))
	l.Fatal("one")
	must(t, AdoptLogger(l, &after, AdoptOptions{Level: "info", Fields: map[string]any{"worker": 2}}))
	l.WithField("worker", 9).Info("two")
	slog.New(NewSlogHandler(l)).Info("three")
	l.Debug("below the level")
	if got := before.String(); got != "level=fatal msg=one worker=1\n" {
		t.Errorf("before: %q", got)
	}
	if got := after.String(); got != "level=info msg=two worker=9\nlevel=info msg=three worker=2\n" {
		t.Errorf("after: %q", got)
	}
	if len(h.saw) != 3 || h.saw[0]["worker"] != 1 || h.saw[2]["worker"] != 2 {
		t.Errorf("the hook saw %v", h.saw)
	}
}

func TestSlogHandler(t *testing.T) {
	var buf bytes.Buffer
	l := NewLogger(LoggerOptions{Out: &buf, Level: "trace", Fields: map[string]any{"worker": 3}})
	s := slog.New(NewSlogHandler(l))
	s.With("a", 1).WithGroup("g").With("b", 2).Info("m", "c", 3, slog.Group("h", "d", errors.New("no")))
	s.Info("plain")
	if got := messages(&buf); len(got) != 2 || got[0] != "m a=1 g.b=2 g.c=3 g.h.d=no worker=3" || got[1] != "plain worker=3" {
		t.Errorf("%q", got)
	}
	letters := ""
	for level := slog.Level(-9); level <= 13; level++ {
		s.Log(context.Background(), level, "m")
		letters += buf.String()[:1]
		buf.Reset()
	}
	if want := "TTTTT" + "DDDD" + "IIII" + "WWWW" + "EE" + "FFFF"; letters != want {
		t.Errorf("levels -9 to 13 are %s, want %s", letters, want)
	}
	must(t, SetLevel(l, "warn"))
	if s.Enabled(context.Background(), slog.LevelInfo) || !s.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("the handler does not follow the logger's level")
	}
}
