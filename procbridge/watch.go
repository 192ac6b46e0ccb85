package procbridge

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

const (
	// drainTime bounds the wait for the end of the up pipe after the process's end: only a
	// grandchild that left the group can still hold it.
	drainTime = 200 * time.Millisecond

	// drainBytes bounds what is read after that without waiting: the largest pipe that
	// Linux gives an ordinary user.
	drainBytes = 1 << 20

	// closedGrace is how long a closed up pipe waits for the end of the process that usually
	// is the reason.
	closedGrace = 100 * time.Millisecond

	// garbageShown is how much of what is no frame is kept, in bytes.
	garbageShown = 64
)

// watch waits for the process and holds it to its end. Nothing before the last line waits
// for the consumer of the events, except that what was read is delivered first.
func (p *Process) watch() {
	state, err := p.reap()
	close(p.dying)
	p.CloseLifeline()
	if p.queue != nil {
		<-p.queue.finished
	}
	if p.up != nil {
		p.boundUp()
		<-p.upDone
		p.up.Close() // read to its end: there is no error to lose
	}
	p.events <- Exited{Exit: exitOf(state, err), State: state}
	close(p.events)
}

// reap waits for the end of the process, ends what it left in its group, and takes its
// status.
func (p *Process) reap() (*os.ProcessState, error) {
	if !p.awaitDeath() {
		// The group cannot be killed after the reap: its number may be somebody else's.
		state, err := p.os.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dead = true
		return state, err
	}
	p.mu.Lock()
	p.dead = true
	p.buryTree()
	p.mu.Unlock()
	state, err := p.os.Wait()
	if err != nil { // somebody else has reaped it: Wait has kept the handle
		err = errors.Join(err, p.os.Release())
	}
	return state, err
}

// boundUp ends the reader's wait for an end of file after drainTime.
func (p *Process) boundUp() {
	if err := p.up.SetReadDeadline(time.Now().Add(drainTime)); err == nil {
		return
	}
	// No deadlines on this system's pipes: closing it is what is left.
	go func() {
		timer := time.NewTimer(drainTime)
		defer timer.Stop()
		select {
		case <-p.upDone:
		case <-timer.C:
			p.up.Close()
		}
	}()
}

// upSource is the up pipe as the reader sees it: it notes when something came, and after
// the deadline of boundUp it goes on without waiting until the pipe is empty.
type upSource struct {
	p      *Process
	at     int64 // nanoseconds from the start to the last read
	budget int
	late   bool
}

func (s *upSource) Read(b []byte) (int, error) {
	if !s.late {
		n, err := s.p.up.Read(b)
		s.at = int64(time.Since(s.p.start))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		s.late = true
		if n > 0 {
			return n, nil
		}
	}
	n := 0
	if s.budget > 0 {
		n = readNow(s.p.up, b[:min(len(b), s.budget)])
		s.budget -= n
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// readUp is the reader: frames become events until the pipe ends.
func (p *Process) readUp() {
	defer close(p.upDone)
	src := &upSource{p: p, budget: drainBytes}
	r := NewReader(src, p.max)
	if last := p.readFrames(r, src); last != nil {
		p.events <- last
		discard(src)
		return
	}
	p.reportClosed()
}

// readFrames returns what makes the rest of the pipe worthless, or nil at its end.
func (p *Process) readFrames(r *Reader, src *upSource) Event {
	greeted := false
	for {
		t, body, err := r.ReadFrame()
		switch {
		case errors.Is(err, ErrBadHeader), errors.Is(err, ErrTooLarge):
			return Garbage{First: r.Unread(garbageShown), Err: err}
		case err != nil:
			return nil
		}
		p.seen.Store(src.at)
		if t == TypeBeat && greeted {
			continue
		}
		ev, bad := p.event(t, body, greeted)
		if bad != nil {
			return bad
		}
		if ev != nil {
			greeted = true
			p.events <- Frame{ev}
		}
	}
}

// event is the message of a frame: nothing for one to be skipped, bad for one that ends
// the conversation.
func (p *Process) event(t Type, body []byte, greeted bool) (ev messages.Event, bad Event) {
	if !greeted && t != TypeHello {
		return nil, Garbage{First: first(body), Err: fmt.Errorf("the first frame is %s: want Hello", t)}
	}
	if !t.Up() || !t.Known() {
		p.skipped.Add(1)
		return nil, nil
	}
	v, err := Decode(t, body)
	switch {
	case errors.Is(err, ErrUnknownType): // inside a Requested
		p.skipped.Add(1)
		return nil, nil
	case err != nil:
		return nil, Garbage{First: first(body), Err: err}
	}
	if h, ok := v.(messages.Hello); ok && (h.Min > MaxProtocol || h.Max < MinProtocol || h.Min > h.Max) {
		return nil, Refused{Hello: h, Min: MinProtocol, Max: MaxProtocol}
	}
	return v.(messages.Event), nil
}

func first(body []byte) []byte { return clone(body[:min(len(body), garbageShown)]) }

// discard empties the pipe so that the child never blocks on it.
func discard(src io.Reader) {
	b := make([]byte, readBufferMax)
	for {
		if _, err := src.Read(b); err != nil {
			return // the end, by whatever error
		}
	}
}

// reportClosed tells of a pipe closed by a process that lives on.
func (p *Process) reportClosed() {
	timer := time.NewTimer(closedGrace)
	defer timer.Stop()
	select {
	case <-p.dying:
	case <-timer.C:
		p.events <- UpClosed{}
	}
}

// exitOf says how a process ended.
func exitOf(state *os.ProcessState, err error) messages.Exit {
	if state == nil {
		return messages.Exit{
			Cause: messages.ExitError, Code: -1, Detail: fmt.Errorf("%w: %w", ErrStatusLost, err).Error(),
		}
	}
	return exitStatus(state)
}
