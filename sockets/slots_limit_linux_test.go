package sockets

import (
	"errors"
	"testing"
)

// Without pinned sockets there may be any number of workers.
func TestSlotsWithoutPinnedSocketsAreAsManyAsWanted(t *testing.T) {
	s := NewServer(Options{})
	defer s.Close()
	if err := s.SetSlots(maxSlots + 1); err != nil {
		t.Error(err)
	}
	if _, err := s.Listen("tcp", "127.0.0.1:0", ListenOptions{ReusePort: true}); !errors.Is(err, ErrNoSlot) {
		t.Errorf("a socket for each of %d slots: error %v, want ErrNoSlot", maxSlots+1, err)
	}
}
