package actors

import (
	"slices"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// heardEvents keeps the events that a handler of the stream gets.
type heardEvents struct {
	mu  sync.Mutex
	all []messages.Event
}

func (h *heardEvents) handle(m any) {
	if e, ok := m.(messages.Event); ok {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = append(h.all, e)
	}
}

func (h *heardEvents) events() []messages.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

func published(all []any) bool { return count(all, Published{}) > 0 }

func count(all []any, m any) int {
	n := 0
	for _, got := range all {
		if got == m {
			n++
		}
	}
	return n
}

func TestPublisherPublishesInOrder(t *testing.T) {
	system := probe.NewSystem()
	var heard heardEvents
	system.EventStream.Subscribe(heard.handle)
	p := probe.Start(t, system, NewPublisher(quiet()))
	p.Send(messages.ServerReady{Generation: 1})
	p.Send("no event")
	p.Send(messages.WorkerReady{Incarnation: self})
	p.Send(Last{messages.ServerExited{Generation: 1}})
	p.Wait(t, "Published", published)
	want := []messages.Event{messages.ServerReady{Generation: 1}, messages.WorkerReady{Incarnation: self}, messages.ServerExited{Generation: 1}}
	got := heard.events()
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2].String() != want[2].String() {
		t.Errorf("%v, want %v", got, want)
	}
}

// A handler that panics loses its event and nothing else: the publisher goes on, and says
// so of the last event too.
func TestPublisherOutlivesAHandlerThatPanics(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	system := probe.NewSystem()
	var heard heardEvents
	system.EventStream.Subscribe(heard.handle)
	system.EventStream.Subscribe(func(m any) {
		if _, ok := m.(messages.Event); ok {
			panic("test")
		}
	})
	p := probe.Start(t, system, NewPublisher(log))
	for range 10 {
		p.Send(messages.ServerReady{Generation: 1})
	}
	p.Send(Last{messages.ServerExited{Generation: 1}})
	p.Wait(t, "Published", published)
	if n := len(heard.events()); n != 11 {
		t.Errorf("the other handler got %d events of 11", n)
	}
	if all := hook.AllEntries(); len(all) != 11 || all[0].Level != logrus.ErrorLevel {
		t.Errorf("%d lines in the log, want an error for each", len(all))
	}
}

// A handler that blocks holds up later events and neither the publisher's parent nor who
// sends to it.
func TestPublisherWithAHandlerThatBlocks(t *testing.T) {
	system := probe.NewSystem()
	var heard heardEvents
	hold, reached := make(chan struct{}), make(chan struct{})
	var once sync.Once
	system.EventStream.Subscribe(func(m any) {
		if _, ok := m.(messages.Event); ok {
			once.Do(func() { close(reached) })
			<-hold
			heard.handle(m)
		}
	})
	p := probe.Start(t, system, NewPublisher(quiet()))
	for range 10 {
		p.Send(messages.ServerReady{Generation: 1})
	}
	<-reached
	p.Send(Last{messages.ServerExited{Generation: 1}})
	if n := len(heard.events()); n != 0 || published(p.Messages()) {
		t.Errorf("%d events were handled by a handler that blocks", n)
	}
	close(hold)
	p.Wait(t, "Published", published)
	if n := len(heard.events()); n != 11 {
		t.Errorf("%d events of 11", n)
	}
}
