package workers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// Messages are received one after another in their order, and each Ask has its reply.
func TestMessagesAreReceivedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inside := 0
		f := &full{receive: func(m any) (any, error) {
			inside++
			defer func() { inside-- }()
			if inside > 1 {
				t.Error("two calls at once")
			}
			work(second)
			return append(m.([]byte), '!'), nil
		}}
		s := begin(f.code(), patientReady)
		for i := range 5 {
			s.deliver(messages.Deliver{ID: uint64(i + 1), Body: fmt.Appendf(nil, "%d", i)})
		}
		pass(t, 6*second)
		var got []string
		for _, e := range s.events() {
			if r, ok := e.(messages.Reply); ok {
				got = append(got, fmt.Sprintf("%d:%s%s", r.ID, r.Body, r.Err))
			}
		}
		if want := "[1:0! 2:1! 3:2! 4:3! 5:4!]"; fmt.Sprint(got) != want {
			t.Errorf("replies %v, want %s", got, want)
		}
		s.stop(&StopCause{})
	})
}

func patientReady(c *config.Config) { c.WorkerReadyAfter = 1000 * second }

func TestFullQueueIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &full{receive: func(any) (any, error) { work(second); return nil, nil }}
		s := begin(f.code(), patientReady, func(c *config.Config) { c.WorkerQueueSize = 2 })
		synctest.Wait()
		s.deliver(messages.Deliver{ID: 1})
		synctest.Wait() // it is being received
		for id := range uint64(3) {
			s.deliver(messages.Deliver{ID: id + 2})
		}
		if got := s.replies(); len(got) != 1 || got[4].Err != ErrBusy.Error() {
			t.Errorf("replies %+v", got)
		}
		pass(t, 10*second)
		if got := s.replies(); len(got) != 4 || got[3].Err != "" {
			t.Errorf("replies %+v", got)
		}
		s.stop(&StopCause{})
	})
}

// Whatever goes wrong is an error to who asked, and a line for who only told.
func TestWhatGoesWrongWithAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &full{receive: func(m any) (any, error) {
			switch string(m.([]byte)) {
			case "fail":
				return nil, errors.New("no luck")
			case "panic":
				panic("boom")
			}
			return struct{}{}, nil
		}}
		s := begin(f.code(), patientReady)
		for id, d := range []messages.Deliver{{Body: []byte("fail")}, {Body: []byte("panic")}, {Body: []byte("x")}, {Type: "never registered"}} {
			d.ID = uint64(id + 1)
			s.deliver(d)
		}
		s.deliver(messages.Deliver{Body: []byte("fail")})
		synctest.Wait()
		got := s.replies()
		for id, want := range map[uint64]string{1: "no luck", 2: "panic in Receive: boom", 3: "is not registered", 4: "is not registered"} {
			if !strings.Contains(got[id].Err, want) {
				t.Errorf("reply %d is %+v, want %q", id, got[id], want)
			}
		}
		if !strings.Contains(s.log(), "a message was not handled: no luck") {
			t.Errorf("log %q", s.log())
		}
		s.stop(&StopCause{})
	})
}

func TestWorkerThatReceivesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := begin(Code{New: Func(untilStopped)}, patientReady)
		s.deliver(messages.Deliver{ID: 1})
		synctest.Wait()
		if r := s.replies()[1]; r.Err != "worker 3 has no Receive method" {
			t.Errorf("reply %+v", r)
		}
		s.stop(&StopCause{})
		synctest.Wait()
		s.deliver(messages.Deliver{ID: 2})
		if r := s.replies()[2]; r.Err != "the worker is stopping" {
			t.Errorf("reply %+v", r)
		}
	})
}

// Who waits in the queue of a worker that ends is told so.
func TestQueueOfAWorkerThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &full{receive: func(any) (any, error) { work(second); return nil, nil }}
		s := begin(f.code(), patientReady)
		for id := range uint64(3) {
			s.deliver(messages.Deliver{ID: id + 1})
		}
		synctest.Wait()
		s.stop(&StopCause{})
		pass(t, 5*second)
		got := s.replies()
		if len(got) != 3 || got[1].Err != "" || got[2].Err != errEnded.Error() || got[3].Err != errEnded.Error() {
			t.Errorf("replies %+v", got)
		}
	})
}
