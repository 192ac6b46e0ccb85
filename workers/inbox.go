package workers

import (
	"errors"
	"fmt"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

var errEnded = errors.New("the worker has ended")

// ErrBusy says that a worker's queue is full. It is the bridge's, which keeps the queue of a
// worker process.
var ErrBusy = procbridge.ErrBusy

// consume calls Receive for what a channel brings, one message after another. The channel
// is the queue: whoever fills it refuses what has no room. It returns when that is closed.
func (l *life) consume(queue <-chan messages.Deliver) {
	<-l.begun
	for d := range queue {
		l.mu.Lock()
		w, ended := l.worker, l.ended
		l.mu.Unlock()
		if ended {
			l.answer(d, nil, errEnded)
			continue
		}
		l.receive(w, d)
	}
}

// refuseRest answers what is left in the queue of a life that has ended.
func (l *life) refuseRest(queue <-chan messages.Deliver) {
	for {
		select {
		case d, open := <-queue:
			if !open {
				return
			}
			l.answer(d, nil, errEnded)
		default:
			return
		}
	}
}

// deliver queues a message for the worker's Receive, in a process of several workers.
func (l *life) deliver(d messages.Deliver) {
	l.mu.Lock()
	var err error
	switch {
	case l.ended || l.ctx.Err() != nil:
		err = errors.New("the worker is stopping")
	case len(l.inbox) >= l.queue:
		err = ErrBusy
	default:
		l.inbox = append(l.inbox, d)
	}
	l.mu.Unlock()
	if err != nil {
		l.answer(d, nil, err)
		return
	}
	l.poke()
}

// receives calls Receive for one message after another until none is left.
func (l *life) receives() {
	for {
		l.mu.Lock()
		if len(l.inbox) == 0 || l.ended {
			l.reads, l.inbox = false, nil
			l.mu.Unlock()
			return
		}
		d, w := l.inbox[0], l.worker
		l.inbox = l.inbox[1:]
		l.mu.Unlock()
		l.receive(w, d)
	}
}

func (l *life) receive(w Worker, d messages.Deliver) {
	r, ok := w.(Receiver)
	if !ok {
		l.answer(d, nil, fmt.Errorf("worker %d has no Receive method", l.self.ID()))
		return
	}
	value, err := messages.DecodeBody(d.Type, d.Body)
	if err != nil {
		l.answer(d, nil, err)
		return
	}
	var reply any
	err = l.guard("Receive", func() (err error) {
		reply, err = r.Receive(l.ctx, value)
		return err
	})
	l.answer(d, reply, err)
}

// answer replies to an Ask; what goes wrong with a Tell is logged, since nobody waits.
func (l *life) answer(d messages.Deliver, reply any, err error) {
	if d.ID == 0 {
		if err != nil {
			l.self.logger.Warnf("a message was not handled: %v", err)
		}
		return
	}
	r := messages.Reply{ID: d.ID}
	if err == nil {
		r.Type, r.Body, err = messages.EncodeBody(reply)
	}
	if int64(len(r.Body)) > l.largest {
		err = fmt.Errorf("the reply has %d bytes, %d are allowed (worker_max_message_size)", len(r.Body), l.largest)
		r.Type, r.Body = "", nil
	}
	if err != nil {
		r.Err = err.Error()
	}
	l.say(r)
}
