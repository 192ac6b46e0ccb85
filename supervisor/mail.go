package supervisor

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

// mail makes Mail of one message or of several.
func mail(m any) actors.Mail {
	if d, ok := m.(messages.Deliver); ok {
		return actors.Mail{d}
	}
	return m.(actors.Mail)
}

// deliver passes messages on, to each slot in their order. What came together goes on
// together: a hop costs as much for one message as for a hundred.
func (s *server) deliver(ctx actor.Context, all actors.Mail) {
	if alike(all) {
		s.deliverTo(ctx, all[0].Slot, all)
		return
	}
	bySlot := map[int]actors.Mail{}
	for _, d := range all {
		bySlot[d.Slot] = append(bySlot[d.Slot], d)
	}
	for slot, some := range bySlot {
		s.deliverTo(ctx, slot, some)
	}
}

// alike reports that all messages are for one slot.
func alike(all actors.Mail) bool {
	for _, d := range all {
		if d.Slot != all[0].Slot {
			return false
		}
	}
	return len(all) > 0
}

// deliverTo passes messages to the newest ready life of their slot that is not stopping.
func (s *server) deliverTo(ctx actor.Context, slot int, some actors.Mail) {
	k := s.receiver(slot)
	if k == nil {
		s.refuse(ctx, fmt.Sprintf("no worker of slot %d is ready", slot), some...)
		return
	}
	if len(some) == 1 {
		ctx.Send(k.pid, some[0])
		return
	}
	ctx.Send(k.pid, some)
}

// receiver finds who gets a slot's messages now, by the fleet's list and not by a search of
// all; nil = nobody.
func (s *server) receiver(slot int) *kid {
	if slot < 0 || slot >= len(s.fleet.slots) {
		return nil
	}
	var best *kid
	life := 0
	for _, l := range s.fleet.slots[slot].living() {
		if k := s.kids[l.inc]; k != nil && k.ready && !k.told && l.inc.Life > life {
			best, life = k, l.inc.Life
		}
	}
	return best
}

// refuse answers messages that can't be delivered.
func (s *server) refuse(ctx actor.Context, why string, some ...messages.Deliver) {
	for _, d := range some {
		if d.ID == 0 {
			s.Log.Warnf("a message to slot %d is dropped: %s", d.Slot, why)
			continue
		}
		s.up(ctx, messages.Reply{ID: d.ID, Err: why})
	}
}
