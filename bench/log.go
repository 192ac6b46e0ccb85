package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

const (
	logWorkers = 4
	lineSize   = 100 // bytes, the newline included
)

// order tells a worker to write lines.
type order struct {
	Lines int    // how many
	Mark  string // a line behind them; empty = none
	Info  bool   // by a logger, formatted; else as they are
	Path  string // a file to append to; empty = through the engine's log
}

func init() { messages.Register[order]("bench.order") }

// logger is the worker: it writes when it is asked to.
type logger struct{ self *serverengine.Self }

func logApp() serverengine.App {
	return serverengine.App{Name: "log", Worker: func(self *serverengine.Self) (serverengine.Worker, error) { return logger{self}, nil }}
}

func (l logger) Run(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	<-ctx.Done()
	return nil
}

// Receive carries an order out. It answers once every line is written, for the engine's log
// into the pipe, and with an error when lines were dropped.
func (l logger) Receive(_ context.Context, message any) (any, error) {
	o, ok := message.(order)
	if !ok {
		return nil, fmt.Errorf("got %T", message)
	}
	ours := l.self.Logger().Logger
	if o.Path == "" {
		return nil, errors.Join(o.write(ours), lostOf(ours.Out))
	}
	f, err := os.OpenFile(o.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	direct := &logrus.Logger{Out: f, Formatter: ours.Formatter, Level: ours.Level, Hooks: logrus.LevelHooks{}}
	return nil, errors.Join(o.write(direct), f.Close())
}

func (o order) write(to *logrus.Logger) error {
	text := strings.Repeat("x", lineSize-1)
	if o.Info { // what the format puts before the message is about half of the line
		text = text[:lineSize/2]
	}
	line := []byte(text + "\n")
	for range o.Lines {
		if o.Info {
			to.Info(text)
			continue
		}
		if _, err := to.Out.Write(line); err != nil {
			return err
		}
	}
	if o.Mark == "" {
		return nil
	}
	_, err := fmt.Fprintln(to.Out, o.Mark)
	return err
}

// lostOf is an error when the writer has dropped records.
func lostOf(w io.Writer) error {
	l, ok := w.(interface{ Lost() uint64 })
	if !ok {
		return fmt.Errorf("%T does not count what it drops", w)
	}
	if n := l.Lost(); n > 0 {
		return fmt.Errorf("%d records dropped", n)
	}
	return nil
}

// logLines compares the way through the writer, which rotates, with appending to one file
// that nobody rotates. The same four processes write the same lines in both; a round is over
// when everything is in the file.
func logLines(o options, r *report) error {
	t, err := startEngine(o.dir, logApp(), func(c *serverengine.Config) {
		c.WorkerType, c.Workers, c.LogLevel = serverengine.Process, logWorkers, "info"
	})
	if err != nil {
		return err
	}
	if err := t.awaitServer(); err != nil {
		return err
	}
	w := &writing{tree: t, dir: o.dir, lines: o.size(50000, 10000)}
	if err := w.compare(o, r, false); err != nil {
		return err
	}
	if err := w.compare(o, r, true); err != nil {
		return err
	}
	if err := compareDaemonLogger(o, r, w); err != nil {
		return err
	}
	return t.stop()
}

// writing are rounds of lines.
type writing struct {
	*tree
	dir   string
	lines int // of a worker in a round
	round int // through the log
}

func (w *writing) compare(o options, r *report, info bool) error {
	p, err := interleave(o.pairs(21, 7),
		func() (float64, error) { return w.through(info) },
		func() (float64, error) { return w.direct(info) })
	if err != nil {
		return err
	}
	what := "lines as they are"
	if info {
		what = "lines by Logger().Info"
	}
	r.side("floor: "+what+", O_APPEND", "million/s", p.floor)
	r.side("ours: "+what+", through the writer", "million/s", p.ours)
	r.ratio("log, "+what, p.ratios(), o.atLeast(0.6, 0.35))
	return nil
}

// direct lets the workers append to one file and returns millions of lines per second.
func (w *writing) direct(info bool) (float64, error) {
	path := filepath.Join(w.dir, "direct.log")
	start := time.Now()
	if err := w.command(order{Lines: w.lines, Info: info, Path: path}); err != nil {
		return 0, err
	}
	return w.rate(start), os.Remove(path)
}

// through is the same through the engine's log. When all lines are in the pipes, each worker
// writes a mark behind them, and the round is over once the marks are in the file.
func (w *writing) through(info bool) (float64, error) {
	w.round++
	start := time.Now()
	if err := w.command(order{Lines: w.lines, Info: info}); err != nil {
		return 0, err
	}
	if err := w.command(order{Mark: w.mark()}); err != nil {
		return 0, err
	}
	if err := w.awaitMarks(); err != nil {
		return 0, err
	}
	return w.rate(start), nil
}

func (w *writing) mark() string { return fmt.Sprintf("this was round %d.", w.round) }

func (w *writing) rate(start time.Time) float64 {
	return float64(logWorkers*w.lines) / 1e6 / time.Since(start).Seconds()
}

// command gives all workers an order and waits for their answers.
func (w *writing) command(o order) error {
	errs := make(chan error, logWorkers)
	for slot := range logWorkers {
		go func() {
			_, err := w.ask(slot, o)
			errs <- err
		}()
	}
	var all []error
	for range logWorkers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// awaitMarks waits until the mark of each worker is in the log. Nothing tells of that, so it
// looks again and again.
func (w *writing) awaitMarks() error {
	look := time.NewTicker(time.Millisecond / 2)
	defer look.Stop()
	limit := time.Now().Add(patience)
	for {
		found, err := w.marks()
		if err != nil || found == logWorkers {
			return err
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%d of %d workers' last lines are in the log", found, logWorkers)
		}
		<-look.C
	}
}

// marks counts the marks in the log and in the newest of its backups.
func (w *writing) marks() (int, error) {
	files, err := filepath.Glob(filepath.Join(w.dir, "log-*.log"))
	if err != nil {
		return 0, err
	}
	slices.Sort(files) // the names are times
	found := 0
	for _, name := range append(files[max(0, len(files)-1):], filepath.Join(w.dir, "log.log")) {
		text, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it may have been moved just now
			return 0, err
		}
		found += bytes.Count(text, []byte(w.mark()))
	}
	return found, nil
}
