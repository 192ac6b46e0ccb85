package supervisor

import (
	"fmt"
	"sync"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// hookWait bounds how long an end waits for hooks that still run.
const hookWait = 5 * time.Second

// Hooks are the user's. They are called one after another, none before BeforeRun has
// returned, and never by the actor.
type Hooks struct {
	BeforeRun func() error // before the first worker starts; an error ends the server
	AfterRun  func()       // after the last worker has ended
	// The rest may be nil. They run before what they are named after.
	Reload  func(config.Config) error
	Stop    func(messages.Mode)
	Restart func(messages.Mode)
	// Configured is told every configuration as it comes in force. It is ours: the actor
	// calls it, and it must not block.
	Configured func(config.Config)
}

// hookLine is where hooks wait for the one before. Only the actor puts into it.
type hookLine struct {
	all  sync.WaitGroup
	last <-chan struct{} // closed when the last one has returned; nil = there was none
}

// put calls a hook after those that were put before; done is closed when it has returned.
func (l *hookLine) put(call func()) (done <-chan struct{}) {
	before, returned := l.last, make(chan struct{})
	l.last = returned
	l.all.Go(func() {
		defer close(returned)
		if before != nil {
			<-before
		}
		call()
	})
	return returned
}

// guardHook calls a user's hook; a panic in it comes back as an error.
func guardHook(name string, hook func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("hook %s: panic: %v", name, r)
		}
	}()
	if err := hook(); err != nil {
		return fmt.Errorf("hook %s: %w", name, err)
	}
	return nil
}

// background calls a hook when it is its turn; done is closed when it has returned.
func (s *server) background(name string, hook func() error) (done <-chan struct{}) {
	return s.hooks.put(func() { s.logged(guardHook(name, hook)) })
}

// reloadHook tells the user's code of the configuration in force.
func (s *server) reloadHook() {
	if hook, cfg := s.Hooks.Reload, s.Config; hook != nil {
		s.background("Reload", func() error { return hook(cfg) })
	}
}

// awaitHooks waits for the hooks in the line: the process may exit right after.
func (s *server) awaitHooks() {
	done := make(chan struct{})
	go func() { s.hooks.all.Wait(); close(done) }()
	timer := time.NewTimer(hookWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Log.Warn("hooks of the server are still running and not waited for")
	}
}
