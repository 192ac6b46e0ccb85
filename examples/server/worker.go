package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go"
)

// settings are keys of our own in the configuration: a file may have them beside the
// library's.
type settings struct {
	Bind          string  `yaml:"bind"`
	Port          int     `yaml:"port"`
	Message       string  `yaml:"message"`
	Sleep         float64 `yaml:"sleep"`           // seconds between two log lines
	ExitWithCode  int     `yaml:"exit_with_code"`  // -1: a worker does not end by itself
	ExitAtSeconds float64 `yaml:"exit_at_seconds"` // after its start
	ExitAtRandom  bool    `yaml:"exit_at_random"`  // at a random moment before
}

var defaults = settings{
	Bind: "0.0.0.0", Port: 12345, Message: "Awesome work!", Sleep: 1, ExitWithCode: -1, ExitAtSeconds: 5,
}

func settingsOf(cfg serverengine.Config) (settings, error) {
	s := defaults
	err := cfg.Decode(&s)
	return s, err
}

func (s settings) into(cfg *serverengine.Config) {
	cfg.Set("bind", s.Bind)
	cfg.Set("port", s.Port)
	cfg.Set("message", s.Message)
	cfg.Set("sleep", s.Sleep)
	cfg.Set("exit_with_code", s.ExitWithCode)
	cfg.Set("exit_at_seconds", s.ExitAtSeconds)
	cfg.Set("exit_at_random", s.ExitAtRandom)
}

func (s settings) address() string { return net.JoinHostPort(s.Bind, strconv.Itoa(s.Port)) }

// exitAfter is when a worker ends by itself; negative is never.
func (s settings) exitAfter() time.Duration {
	if s.ExitWithCode < 0 {
		return -1
	}
	seconds := s.ExitAtSeconds
	if s.ExitAtRandom {
		seconds *= rand.Float64()
	}
	return time.Duration(seconds * float64(time.Second))
}

// worker is the same in every worker type.
type worker struct {
	self     *serverengine.Self
	settings atomic.Pointer[settings] // Reload swaps them while Run and answer read them
}

func newWorker(self *serverengine.Self) (serverengine.Worker, error) {
	w := &worker{self: self}
	return w, w.Reload(context.Background(), self.Config())
}

// Reload takes a new configuration. What it returns an error for stays as it was.
func (w *worker) Reload(_ context.Context, cfg serverengine.Config) error {
	s, err := settingsOf(cfg)
	if err != nil {
		return err
	}
	w.settings.Store(&s)
	return nil
}

// Run logs a line every second until it is told to stop, or until it has had enough.
func (w *worker) Run(ctx context.Context, self *serverengine.Self) error {
	set := w.settings.Load()
	l, err := self.Listen("tcp", set.address()) // closed when ctx is cancelled
	if err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		w.accept(l)
	}()
	code := w.work(ctx, set)
	_ = l.Close() // at a stop it is closed already
	<-answered
	if code > 0 {
		return &serverengine.ExitError{Code: code}
	}
	return nil
}

// work returns the exit code that the worker ends with.
func (w *worker) work(ctx context.Context, set *settings) int {
	log := w.self.Logger()
	var enough <-chan time.Time
	if after := set.exitAfter(); after >= 0 {
		log.Infof("Stop %s later with code %d.", after.Round(time.Millisecond), set.ExitWithCode)
		enough = time.After(after)
	}
	for {
		log.Info(w.settings.Load().Message)
		select {
		case <-time.After(time.Duration(w.settings.Load().Sleep * float64(time.Second))):
		case <-ctx.Done():
			log.Info("Exiting.")
			return 0
		case <-enough:
			log.Infof("Exiting with code %d.", set.ExitWithCode)
			return set.ExitWithCode
		}
	}
}

// accept answers one connection after another until the listener is closed.
func (w *worker) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		w.answer(c)
	}
}

// answerWait bounds how long a client that does not read can hold the worker up.
const answerWait = 5 * time.Second

func (w *worker) answer(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(answerWait))
	_, err := fmt.Fprintf(c, "%s worker=%d pid=%d\n", w.settings.Load().Message, w.self.ID(), os.Getpid())
	if err := errors.Join(err, c.Close()); err != nil {
		w.self.Logger().Warnf("answer %s: %v", c.RemoteAddr(), err)
	}
}
