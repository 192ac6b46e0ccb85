package logging

import "sync"

// tail is a ring of the last lines that an incarnation printed.
type tail struct {
	mu   sync.Mutex
	ring [][]byte // at most tailLines
	next int      // the oldest, once the ring is full
}

func (t *tail) add(line []byte) {
	if len(line) > tailLength {
		line = line[:tailLength]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ring) < tailLines {
		t.ring = append(t.ring, append([]byte(nil), line...))
		return
	}
	t.ring[t.next] = append(t.ring[t.next][:0], line...)
	t.next = (t.next + 1) % tailLines
}

func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := make([]string, 0, len(t.ring))
	for i := range t.ring {
		lines = append(lines, string(t.ring[(t.next+i)%len(t.ring)]))
	}
	return lines
}
