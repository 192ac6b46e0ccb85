package logging

import (
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/sirupsen/logrus"
	logrusslog "github.com/sirupsen/logrus/hooks/slog"
)

// LoggerOptions says what a logger looks like. Zero values are the defaults.
type LoggerOptions struct {
	// Out gets each record in one Write: a Writer in the top process, a
	// PipeWriter in a child. Default: os.Stderr.
	Out io.Writer
	// Level is the lowest severity that is logged: trace, debug, info, warn,
	// error or fatal. Default, and for an unknown name: debug.
	Level string
	// Format is text or json. Default, and for an unknown name: text.
	Format string
	// Fields are in every record, unless the record has the key itself. They are
	// rendered by the formatter, once: hooks do not find them in Entry.Data.
	Fields map[string]any
	// Pid is printed in every record. Default: this process.
	Pid int
	// Exit is what Fatal does after logging. Default: nothing, Fatal returns.
	// Leaving the process is the engine's business, not the logger's.
	Exit func(code int)
}

// NewLogger returns a logger. Its level and its format may be changed later with [SetLevel]
// and [SetFormat].
func NewLogger(o LoggerOptions) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(os.Stderr)
	if o.Out != nil {
		l.SetOutput(o.Out)
	}
	level, _ := ParseLevel(o.Level) // an unknown name is debug, as documented
	l.SetLevel(level)
	l.SetFormatter(newFormatSwitch(o))
	l.ExitFunc = exitFunc(o.Exit)
	return l
}

func exitFunc(exit func(int)) func(int) {
	if exit == nil {
		return func(int) {}
	}
	return exit
}

// AdoptOptions says what AdoptLogger changes. Zero values change nothing but
// what Fatal does.
type AdoptOptions struct {
	Level  string         // default: the logger's own
	Fields map[string]any // added to every record that lacks the key; hooks see them
	Exit   func(code int) // what Fatal does after logging; default: nothing
}

// AdoptLogger makes a caller's logger fit for a process of the tree: Fatal no
// longer exits behind the engine's back, fields are added, the level is set and,
// if out is not nil, its output goes there. Its formatter and hooks stay. A
// second call replaces the fields of the first. Call it before the logger is
// used by several goroutines. An unknown level is an error and nothing is changed.
func AdoptLogger(l *logrus.Logger, out io.Writer, o AdoptOptions) error {
	if o.Level != "" {
		if err := SetLevel(l, o.Level); err != nil {
			return fmt.Errorf("adopt a logger: %w", err)
		}
	}
	if out != nil {
		l.SetOutput(out)
	}
	l.ExitFunc = exitFunc(o.Exit)
	l.ReplaceHooks(withFields(l.Hooks, o.Fields))
	return nil
}

// withFields returns hooks with a hook for fields before all others, so that they
// see the fields.
func withFields(hooks logrus.LevelHooks, fields map[string]any) logrus.LevelHooks {
	all := make(logrus.LevelHooks, len(hooks))
	if len(fields) > 0 {
		all.Add(fieldsHook(fields))
	}
	for level, list := range hooks {
		for _, h := range list {
			if _, ours := h.(fieldsHook); !ours {
				all[level] = append(all[level], h)
			}
		}
	}
	return all
}

// fieldsHook adds fields to records that lack them.
type fieldsHook map[string]any

func (h fieldsHook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire may change the entry's data: logrus hands out a copy of its own.
func (h fieldsHook) Fire(e *logrus.Entry) error {
	if e.Data == nil {
		e.Data = make(logrus.Fields, len(h))
	}
	for k, v := range h {
		if _, has := e.Data[k]; !has {
			e.Data[k] = v
		}
	}
	return nil
}

// NewSlogHandler returns a handler that logs slog records through l: attributes
// become fields (groups joined by dots), levels below slog.LevelDebug are trace,
// slog.LevelError+2 and above are fatal, which ends nothing.
func NewSlogHandler(l *logrus.Logger) slog.Handler {
	return logrusslog.NewHandler(l, nil)
}
