package actors

import (
	"fmt"
	"os"
	"os/signal"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// Caught collects the signals of a table from the moment it is made, so that none that
// arrives during start-up kills the process. A signal is never dropped: what a table knows
// is a handful, and each waits once more for being handled.
type Caught struct {
	mu    sync.Mutex
	table messages.Signals
	names map[os.Signal]string
	raw   chan os.Signal
	out   chan string
	quit  chan struct{}
	once  sync.Once
	early func(name string)
}

// Catch begins to collect the signals of a table. A name that this system lacks is an
// error, except for the defaults, which Windows lacks.
func Catch(table messages.Signals) (*Caught, error) {
	c := &Caught{
		names: map[os.Signal]string{},
		raw:   make(chan os.Signal, 4*len(table)+16), out: make(chan string), quit: make(chan struct{}),
	}
	if err := c.Retable(table); err != nil {
		return nil, err
	}
	go c.forward()
	return c, nil
}

// Retable makes another table the one that counts. Signals that it lacks get their usual
// effect back; what was caught and not handled yet means what the new table says.
func (c *Caught) Retable(table messages.Signals) error {
	names := map[os.Signal]string{}
	var list []os.Signal
	for name := range table {
		s, err := procbridge.SignalByName(name)
		if err != nil {
			if _, usual := messages.DefaultSignals()[name]; usual {
				continue
			}
			return fmt.Errorf("catch signals: %w", err)
		}
		names[s] = name
		list = append(list, s)
	}
	if len(list) > 0 {
		signal.Notify(c.raw, list...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.names {
		if _, stays := names[s]; !stays {
			signal.Reset(s)
		}
	}
	c.table, c.names = table, names
	return nil
}

// name is a signal's in the table, empty if it is not in it any more.
func (c *Caught) name(s os.Signal) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[s]
}

// Early gives signals that mean a stop to f, one after another in a goroutine, instead of
// letting them wait for Names. nil ends that.
func (c *Caught) Early(f func(name string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.early = f
}

// wasEarly gives a signal to the function of Early, if it is for it.
func (c *Caught) wasEarly(name string) bool {
	c.mu.Lock()
	early, means := c.early, c.table[name]
	c.mu.Unlock()
	if early == nil {
		return false
	}
	switch means.(type) {
	case messages.Stop, messages.Interrupt:
		early(name)
		return true
	}
	return false
}

// forward keeps the channel of package signal empty.
func (c *Caught) forward() {
	var waiting []string
	for {
		var out chan string
		var first string
		if len(waiting) > 0 {
			out, first = c.out, waiting[0]
		}
		select {
		case s := <-c.raw:
			if name := c.name(s); name != "" && !c.wasEarly(name) {
				waiting = append(waiting, name)
			}
		case out <- first:
			waiting = waiting[1:]
		case <-c.quit:
			return
		}
	}
}

// Names delivers each signal by its name in the table.
func (c *Caught) Names() <-chan string { return c.out }

// Command is what a signal of the table means. An INT that a person typed at our own
// terminal is told from one that was sent.
func (c *Caught) Command(name string) messages.Command {
	c.mu.Lock()
	command := c.table[name]
	c.mu.Unlock()
	if _, ok := command.(messages.Interrupt); ok {
		return messages.Interrupt{Terminal: name == "INT" && AtTerminal()}
	}
	return command
}

// Release gives the signals back.
func (c *Caught) Release() {
	c.once.Do(func() {
		signal.Stop(c.raw)
		close(c.quit)
	})
}

// NewSignals returns the props of the actor that turns caught signals into commands for
// its parent.
func NewSignals(c *Caught, log *logrus.Logger) *actor.Props {
	return Guarded("signals", log, func() actor.Actor { return &signals{caught: c, log: log} })
}

// NewWishes returns the props of the same actor in a process below the top: what concerns
// the whole tree is told to its parent as a Requested, a stop and a dump as commands.
func NewWishes(c *Caught, log *logrus.Logger) *actor.Props {
	return Guarded("signals", log, func() actor.Actor { return &signals{caught: c, log: log, below: true} })
}

type signals struct {
	caught *Caught
	log    *logrus.Logger
	below  bool // of the top
	done   chan struct{}
}

type raised struct{ name string }

// Receive is for protoactor.
func (s *signals) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.done = make(chan struct{})
		go s.listen(ctx.ActorSystem().Root, ctx.Self(), s.done)
	case raised:
		command := s.caught.Command(m.name)
		if command == nil {
			return // the table has changed since it was caught
		}
		s.log.Infof("signal %s: %s", m.name, command)
		ctx.Send(ctx.Parent(), s.message(command))
	case *actor.Stopped:
		close(s.done)
	}
}

func (s *signals) message(c messages.Command) any {
	switch c.(type) {
	case messages.Stop, messages.Dump:
		return c
	}
	if s.below {
		return messages.Requested{Command: c}
	}
	return c
}

func (s *signals) listen(root *actor.RootContext, self *actor.PID, done <-chan struct{}) {
	for {
		select {
		case name := <-s.caught.Names():
			root.Send(self, raised{name})
		case <-done:
			return
		}
	}
}
