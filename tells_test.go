package serverengine

import (
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// posts is a mailbox that only keeps what is posted.
type posts struct {
	actor.Mailbox
	all []any
}

func (p *posts) PostUserMessage(m any) { p.all = append(p.all, m) }

func (p *posts) batch(t *testing.T, i int) *tells {
	t.Helper()
	b, ok := p.all[i].(*tells)
	if !ok {
		t.Fatalf("message %d is a %T, want a batch", i, p.all[i])
	}
	return b
}

func TestTellsStandTogetherAndInOrder(t *testing.T) {
	p := &posts{}
	b := &tellbox{Mailbox: p}
	tell := func(text string) { b.PostUserMessage(messages.Tell{Slot: 3, Body: []byte(text)}) }
	tell("a")
	tell("b")
	b.PostUserMessage(messages.Ask{})
	tell("c")
	if len(p.all) != 3 {
		t.Fatalf("%d messages in the mailbox, want two batches and an Ask between them", len(p.all))
	}
	if first := p.batch(t, 0); len(first.mail) != 2 || string(first.mail[1].Body) != "b" || first.mail[1].Slot != 3 {
		t.Errorf("the first batch holds %v", first.mail)
	}
	if last := p.batch(t, 2).take(); len(last.mail) != 1 {
		t.Errorf("the last batch holds %v", last.mail)
	}
	tell("d")
	if len(p.all) != 4 || len(p.batch(t, 2).mail) != 1 {
		t.Error("a Tell went into a batch that was taken")
	}
}

func TestTellsAreBounded(t *testing.T) {
	p := &posts{}
	b := &tellbox{Mailbox: p}
	for range maxTells + 1 {
		b.PostUserMessage(messages.Tell{Body: []byte{}})
	}
	if len(p.all) != 2 || len(p.batch(t, 0).mail) != maxTells {
		t.Errorf("%d messages in the mailbox, %d Tells in the first", len(p.all), len(p.batch(t, 0).mail))
	}
}

func TestTellsRememberWhoAsked(t *testing.T) {
	p := &posts{}
	b := &tellbox{Mailbox: p}
	who := actor.NewPID("here", "who")
	envelope := func(body any) {
		b.PostUserMessage(&actor.MessageEnvelope{Message: messages.Tell{Slot: 1, Body: body}, Sender: who})
	}
	b.PostUserMessage(messages.Tell{Body: []byte("fits")})
	envelope([]byte("is too large"))
	envelope(struct{}{}) // has no codec
	batch := p.batch(t, 0).take()
	tooLarge := errors.New("too large")
	batch.drop(func(d messages.Deliver) error {
		if len(d.Body) > 4 {
			return tooLarge
		}
		return nil
	})
	if len(batch.mail) != 1 || len(batch.failed) != 2 {
		t.Fatalf("%d are sent, %d have failed", len(batch.mail), len(batch.failed))
	}
	for i, want := range []error{messages.ErrUnknownType, tooLarge} {
		if f := batch.failed[i]; f.from != who || f.slot != 1 || !errors.Is(f.err, want) {
			t.Errorf("failed: %+v, want %v for %v", f, want, who)
		}
	}
}
