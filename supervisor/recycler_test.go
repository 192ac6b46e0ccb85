package supervisor

import (
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// Every configuration is followed by a look at the memory, and none by another round of them:
// neither one that comes during BeforeRun, nor one between two looks.
func TestServerLooksAtMemoryInOneRound(t *testing.T) {
	var looks atomic.Int64
	hold := make(chan error)
	serverInBubble(t, 1, func(o *ServerOptions) {
		hold = make(chan error) // of this bubble
		o.Hooks.BeforeRun = func() error { return <-hold }
		o.Config.WorkerMaxMemory, o.Config.RecycleJitter = 1000, 0
		o.Memory = func(int) (int64, error) { looks.Add(1); return 10, nil }
	}, func(s *serverStage) {
		version := uint64(1)
		configure := func() {
			version++
			s.configure(version, messages.CauseReload, func(*config.Config) {})
		}
		configure()
		hold <- nil
		synctest.Wait()
		looks.Store(0)
		for range 20 {
			configure()
			s.pass(weighEvery / 10)
		}
		if n := looks.Load(); n < 20 {
			t.Errorf("%d looks after 20 configurations", n)
		}
		s.pass(weighEvery)
		looks.Store(0)
		s.pass(10 * weighEvery)
		if n := looks.Load(); n != 10 {
			t.Errorf("%d looks in the time of 10", n)
		}
	})
}
