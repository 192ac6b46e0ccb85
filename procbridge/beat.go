package procbridge

import (
	"time"

	"github.com/serverengine/serverengine-go/messages"
)

// Beats starts the automatic heartbeat, or gives it another interval; 0 stops it. A beat is
// left out when another frame went out within the interval, and while one waits to go out:
// to a parent that does not read, beats do not pile up.
func (p *Parent) Beats(interval time.Duration) {
	p.beatMu.Lock()
	defer p.beatMu.Unlock()
	if p.stopBeat != nil {
		close(p.stopBeat)
		p.stopBeat = nil
	}
	if interval > 0 {
		p.stopBeat = make(chan struct{})
		go p.beat(interval, p.stopBeat)
	}
}

func (p *Parent) beat(interval time.Duration, stop <-chan struct{}) {
	timer := time.NewTimer(p.beatIn(interval))
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-p.gone:
			return
		case <-timer.C:
		}
		wait := p.beatIn(interval)
		if wait <= 0 {
			if p.Send(messages.Beat{}) != nil {
				return // nobody listens
			}
			wait = interval
		}
		timer.Reset(wait)
	}
}

// beatIn is how long the last frame still counts as a beat.
func (p *Parent) beatIn(interval time.Duration) time.Duration {
	return interval - p.queue.quiet()
}
