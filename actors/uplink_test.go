package actors

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// fakeUp is a parent process that a test plays.
type fakeUp struct {
	commands   chan messages.Command
	deliveries chan messages.Deliver
	mu         sync.Mutex
	heard      []messages.Event
	told       chan struct{}
	err        error // of Send
	drops      chan struct{}
}

func newFakeUp() *fakeUp {
	return &fakeUp{commands: make(chan messages.Command), deliveries: make(chan messages.Deliver), told: make(chan struct{}, 16), err: errors.New("the parent is gone"), drops: make(chan struct{})}
}

func (u *fakeUp) Send(e messages.Event) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heard = append(u.heard, e)
	u.told <- struct{}{}
	return u.err
}

func (u *fakeUp) Dropped() uint64                     { return 7 }
func (u *fakeUp) Drops() <-chan struct{}              { return u.drops }
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

// What had no room in either direction is told in the log.
func TestUplinkTellsWhatIsLost(t *testing.T) {
	up := newFakeUp()
	up.err = fmt.Errorf("reply: %w", procbridge.ErrBusy)
	log, hook := logtest.NewNullLogger()
	p := probe.Start(t, probe.NewSystem(), NewUplink(up, log))
	up.drops <- struct{}{}
	p.Send(messages.Reply{ID: 1})
	<-up.told
	up.commands <- messages.Reload{} // the first drop is told by now
	p.Stop(t)
	lost := map[string]any{}
	for _, e := range hook.AllEntries() {
		lost[e.Message] = e.Data["lost"]
	}
	if lost["messages to this process are lost: its queue is full (worker_queue_size)"] != uint64(7) {
		t.Errorf("of the messages: %v", lost)
	}
	if lost["replies are lost, and who asked waits in vain: reply: "+procbridge.ErrBusy.Error()] != uint64(1) {
		t.Errorf("of the replies: %v", lost)
	}
}
