package supervisor

import (
	"fmt"
	"time"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// hookWait bounds how long an end waits for hooks that still run.
const hookWait = 5 * time.Second

// Hooks are the user's, called in goroutines of their own.
type Hooks struct {
	BeforeRun func() error // before the first worker starts; an error ends the server
	AfterRun  func()       // after the last worker has ended
	// The rest may be nil. They run before what they are named after.
	Reload  func(config.Config) error
	Stop    func(messages.Mode)
	Restart func(messages.Mode)
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

// background calls a hook in a goroutine of its own.
func (s *server) background(name string, hook func() error) {
	s.hooks.Go(func() { s.logged(guardHook(name, hook)) })
}

// awaitHooks waits for the hooks in the background: the process may exit right after.
func (s *server) awaitHooks() {
	done := make(chan struct{})
	go func() { s.hooks.Wait(); close(done) }()
	timer := time.NewTimer(hookWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.Log.Warn("hooks of the server are still running and not waited for")
	}
}
