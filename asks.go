package serverengine

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/workers"
)

// Errors of Tell and Ask, as the engine answers them.
var (
	// ErrAskTimeout says that no reply came in time. One that comes later is dropped.
	ErrAskTimeout = errors.New("the worker did not reply in time")
	// ErrTooLarge says that a body is longer than worker_max_message_size.
	ErrTooLarge = errors.New("the message is longer than worker_max_message_size")
	// ErrBusy says that worker_queue_size messages wait for the worker already.
	ErrBusy = workers.ErrBusy
)

// askTimeout is that of an Ask that names none.
const askTimeout = 10 * time.Second

// asks are the questions that wait for a reply. Ids are never used twice, so a late reply
// can't answer another question.
type asks struct {
	last    uint64
	open    map[uint64]*ask
	dropped uint64 // replies that nobody waited for
}

type ask struct {
	from  *actor.PID
	timer *time.Timer
}

type expired struct{ id uint64 }

func (e *engine) ask(ctx actor.Context, m messages.Ask) {
	d, err := encode(m.Slot, m.Body)
	if err == nil {
		err = e.fits(d)
	}
	if err != nil {
		ctx.Respond(err)
		return
	}
	limit := m.Timeout
	if limit <= 0 {
		limit = askTimeout
	}
	a := &e.asks
	if a.open == nil {
		a.open = map[uint64]*ask{}
	}
	a.last++
	d.ID = a.last
	id, root, self := a.last, ctx.ActorSystem().Root, ctx.Self()
	a.open[id] = &ask{from: ctx.Sender(), timer: time.AfterFunc(limit, func() { root.Send(self, expired{id}) })}
	ctx.Send(e.server, d)
}

// encode turns a body into bytes, once, here in the top.
func encode(slot int, body any) (d messages.Deliver, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("encode a %T: panic: %v", body, r)
		}
	}()
	name, b, err := messages.EncodeBody(body)
	return messages.Deliver{Slot: slot, Type: name, Body: b}, err
}

// fits is the error of a message that is too large.
func (e *engine) fits(d messages.Deliver) error {
	if int64(len(d.Body)) > e.cfg.WorkerMaxMessageSize {
		return fmt.Errorf("%d bytes, %d are allowed: %w", len(d.Body), e.cfg.WorkerMaxMessageSize, ErrTooLarge)
	}
	return nil
}

func (a *asks) take(id uint64) *ask {
	q := a.open[id]
	if q != nil {
		q.timer.Stop()
		delete(a.open, id)
	}
	return q
}

func (a *asks) reply(ctx actor.Context, r messages.Reply) {
	q := a.take(r.ID)
	if q == nil {
		a.dropped++
		return
	}
	if r.Err != "" {
		q.answer(ctx, replyError(r.Err))
		return
	}
	v, err := messages.DecodeBody(r.Type, r.Body)
	if err != nil {
		q.answer(ctx, err)
		return
	}
	q.answer(ctx, v)
}

// replyError makes an error of the text that a reply has brought.
func replyError(text string) error {
	if text == ErrBusy.Error() {
		return ErrBusy
	}
	return errors.New(text)
}

func (q *ask) answer(ctx actor.Context, v any) {
	if q.from == nil {
		return
	}
	if b, ok := v.([]byte); ok && b == nil {
		v = []byte{} // nil is no message
	}
	ctx.Send(q.from, v)
}

func (a *asks) expire(ctx actor.Context, id uint64) {
	if q := a.take(id); q != nil {
		q.answer(ctx, ErrAskTimeout)
	}
}

// end answers everything that is still open.
func (a *asks) end(ctx actor.Context) {
	for id := range a.open {
		a.take(id).answer(ctx, errors.New("the server has stopped"))
	}
}
