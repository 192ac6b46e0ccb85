package procbridge

import (
	"sync"

	"github.com/serverengine/serverengine-go/messages"
)

// mailbox is an unbounded queue of commands in front of a channel, so that who puts never
// waits for who takes.
type mailbox struct {
	mu      sync.Mutex
	changed sync.Cond
	waiting []messages.Command
	ended   bool
	out     chan messages.Command
}

func (m *mailbox) init() {
	m.changed.L = &m.mu
	m.out = make(chan messages.Command)
}

func (m *mailbox) put(c messages.Command) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, c)
	m.changed.Signal()
}

// end closes the channel after what waits was taken.
func (m *mailbox) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	m.changed.Signal()
}

// pump moves commands to the channel until the end.
func (m *mailbox) pump() {
	defer close(m.out)
	for {
		batch := m.take()
		if batch == nil {
			return
		}
		for _, c := range batch {
			m.out <- c
		}
	}
}

func (m *mailbox) take() []messages.Command {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.waiting) == 0 && !m.ended {
		m.changed.Wait()
	}
	batch := m.waiting
	m.waiting = nil
	return batch
}
