package main

import (
	"context"
	"sync/atomic"

	"github.com/serverengine/serverengine-go"
)

// worker is the same for the types embedded, thread and process.
type worker struct {
	settings atomic.Pointer[settings] // Reload swaps them while Run reads them
}

func newWorker(self *serverengine.Self) (serverengine.Worker, error) {
	w := &worker{}
	return w, w.Reload(context.Background(), self.Config())
}

// Reload takes a new configuration. After an error the old one stays.
func (w *worker) Reload(_ context.Context, cfg serverengine.Config) error {
	s, err := settingsOf(cfg)
	if err != nil {
		return err
	}
	w.settings.Store(&s)
	return nil
}

// Run works until it is told to stop, or until it has had enough.
func (w *worker) Run(ctx context.Context, self *serverengine.Self) error {
	l, err := self.Listen("tcp", w.settings.Load().address()) // closed when ctx is cancelled
	if err != nil {
		return err
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		accept(l, self.ID(), self.Logger().Warnf, w.settings.Load)
	}()
	code := work(ctx, self.Logger().Infof, w.settings.Load)
	_ = l.Close() // at a stop it is closed already
	<-answered
	if code != 0 {
		return &serverengine.ExitError{Code: code}
	}
	return nil
}
