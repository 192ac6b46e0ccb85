package serverengine

import (
	"fmt"
	"slices"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

// maxTells is how many Tells are one message at most.
const maxTells = 256

// tellbox is the engine's mailbox. It encodes each Tell where it is sent; those that come
// faster than the engine can take them stand in it as one message, for a turn of the actor
// costs more than all else that is done to a Tell. A sender's messages keep their order:
// any other message ends the batch.
type tellbox struct {
	actor.Mailbox
	mu   sync.Mutex
	open *tells // the last message in the mailbox, while it can grow; nil = none
	size int    // of the last batch
}

// tells are Tells that came one after another.
type tells struct {
	box     *tellbox
	mail    actors.Mail
	senders []*actor.PID // who wants to hear of an error, by index; nil = nobody of them
	failed  []failedTell
}

// failedTell can't be sent.
type failedTell struct {
	slot int
	from *actor.PID
	err  error
}

func newTellbox() actor.Mailbox { return &tellbox{Mailbox: actor.Unbounded()()} }

// PostUserMessage is for protoactor.
func (b *tellbox) PostUserMessage(message any) {
	_, inner, from := actor.UnwrapEnvelope(message)
	m, ok := inner.(messages.Tell)
	if !ok {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.open = nil
		b.Mailbox.PostUserMessage(message)
		return
	}
	d, err := encode(m.Slot, m.Body)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = &tells{box: b, mail: make(actors.Mail, 0, min(maxTells, 2*b.size+2))}
		b.Mailbox.PostUserMessage(b.open)
	}
	b.open.add(d, from, err)
	if b.size = len(b.open.mail); b.size >= maxTells {
		b.open = nil
	}
}

func (t *tells) add(d messages.Deliver, from *actor.PID, err error) {
	if err != nil {
		t.failed = append(t.failed, failedTell{d.Slot, from, err})
		return
	}
	t.mail = append(t.mail, d)
	if from != nil || t.senders != nil {
		t.senders = append(append(t.senders, make([]*actor.PID, len(t.mail)-1-len(t.senders))...), from)
	}
}

// take ends the batch.
func (t *tells) take() *tells {
	t.box.mu.Lock()
	defer t.box.mu.Unlock()
	if t.box.open == t {
		t.box.open = nil
	}
	return t
}

// tell sends a batch on, without what can't be sent.
func (e *engine) tell(ctx actor.Context, t *tells) {
	if slices.ContainsFunc(t.mail, func(d messages.Deliver) bool { return e.fits(d) != nil }) {
		t.drop(e.fits)
	}
	for _, f := range t.failed {
		e.log.Errorf("tell worker %d: %v", f.slot, f.err)
		f.answer(ctx, f.err)
	}
	if len(t.mail) > 0 {
		ctx.Send(e.server, t.mail)
	}
}

// drop moves what does not fit to what failed.
func (t *tells) drop(fits func(messages.Deliver) error) {
	var rest actors.Mail
	for i, d := range t.mail {
		if err := fits(d); err != nil {
			t.failed = append(t.failed, failedTell{d.Slot, t.sender(i), err})
			continue
		}
		rest = append(rest, d)
	}
	t.mail = rest
}

func (t *tells) sender(i int) *actor.PID {
	if t.senders == nil {
		return nil
	}
	return t.senders[i]
}

// refuse answers those who wait for an answer.
func (t *tells) refuse(ctx actor.Context, why string) {
	for i, d := range t.mail {
		t.failed = append(t.failed, failedTell{d.Slot, t.sender(i), nil})
	}
	for _, f := range t.failed {
		f.answer(ctx, fmt.Errorf("serverengine: %s", why))
	}
}

func (f failedTell) answer(ctx actor.Context, err error) {
	if f.from != nil {
		ctx.Send(f.from, err)
	}
}
