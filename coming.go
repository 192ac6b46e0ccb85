package serverengine

import "github.com/asynkron/protoactor-go/actor"

// coming is what is being opened for an engine, in a goroutine: it is closed again if the
// engine ends before it has taken it over. A nil one is nothing.
type coming struct{ taken, gone chan struct{} }

// openFor opens everything for an engine in a host program, and sends it houseOpened.
func openFor(ctx actor.Context, o engineOptions) *coming {
	c := &coming{taken: make(chan struct{}), gone: make(chan struct{})}
	root, self := ctx.ActorSystem().Root, ctx.Self()
	go func() {
		ready, err := openGuest(o.app, o.source)
		root.Send(self, houseOpened{ready, err})
		if !c.wasTaken() && ready != nil {
			_ = ready.house.close() // there is nobody left to tell
		}
	}()
	return c
}

// take is called by the engine with houseOpened.
func (c *coming) take() { close(c.taken) }

// giveUp is called at the engine's end.
func (c *coming) giveUp() {
	if c != nil {
		close(c.gone)
	}
}

// wasTaken waits for either.
func (c *coming) wasTaken() bool {
	select {
	case <-c.taken:
		return true
	case <-c.gone:
	}
	select {
	case <-c.taken: // it ended later
		return true
	default:
		return false
	}
}
