package actors

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// fakeUp is a parent process that a test plays.
type fakeUp struct {
	commands   chan messages.Command
	deliveries chan messages.Deliver
	mu         sync.Mutex
	heard      []messages.Event
	told       chan struct{}
}

func newFakeUp() *fakeUp {
	return &fakeUp{commands: make(chan messages.Command), deliveries: make(chan messages.Deliver), told: make(chan struct{}, 16)}
}

func (u *fakeUp) Send(e messages.Event) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heard = append(u.heard, e)
	u.told <- struct{}{}
	return errors.New("the parent is gone")
}

func (u *fakeUp) Commands() <-chan messages.Command   { return u.commands }
func (u *fakeUp) Deliveries() <-chan messages.Deliver { return u.deliveries }

func TestUplinkPassesBothWays(t *testing.T) {
	up := newFakeUp()
	p := probe.Start(t, probe.NewSystem(), NewUplink(up, quiet()))
	up.commands <- messages.Dump{}
	up.deliveries <- messages.Deliver{ID: 3}
	close(up.deliveries)
	up.commands <- messages.Reload{}
	p.Send(messages.ServerReady{Generation: 1})
	<-up.told
	p.Send(messages.ServerReady{Generation: 2}) // the error of the first is no end
	<-up.told
	close(up.commands)
	p.Wait(t, "Orphaned", func(all []any) bool { return count(all, Orphaned{}) == 1 })
	all := p.Messages()
	if len(all) != 4 || all[0] != (messages.Dump{}) || all[2] != (messages.Reload{}) || all[3] != (Orphaned{}) {
		t.Errorf("it said %v", all)
	}
	if d := probe.Of[messages.Deliver](all); len(d) != 1 || d[0].ID != 3 {
		t.Errorf("deliveries %v", d)
	}
	want := []messages.Event{messages.ServerReady{Generation: 1}, messages.ServerReady{Generation: 2}}
	if !slices.Equal(up.heard, want) {
		t.Errorf("went up: %v", up.heard)
	}
}

// An uplink that is stopped listens no longer; goroutines that stay fail the run.
func TestUplinkThatIsStopped(t *testing.T) {
	up := newFakeUp()
	p := probe.Start(t, probe.NewSystem(), NewUplink(up, quiet()))
	p.Stop(t)
	if len(p.Messages()) > 1 {
		t.Errorf("it said %v", p.Messages())
	}
}
