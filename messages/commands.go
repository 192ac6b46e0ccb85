package messages

import (
	"fmt"
	"time"
)

// Command is something to be done by whoever stands lower in the tree.
// The set is closed: only this package defines commands.
type Command interface {
	fmt.Stringer
	command()
}

// Mode says how patiently a stop or a restart treats work in hand.
type Mode uint8

const (
	// Graceful lets a worker finish: its context is cancelled and Run is waited for,
	// within the grace period of the kill ladder.
	Graceful Mode = iota
	// Immediate ends a worker without waiting for Run. Only processes can be ended so.
	Immediate
)

func (m Mode) String() string {
	if m == Immediate {
		return "immediate"
	}
	return "graceful"
}

// MarshalText makes a mode a word on the wire.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "graceful" and "immediate".
func (m *Mode) UnmarshalText(b []byte) error {
	switch string(b) {
	case "graceful", "":
		*m = Graceful
	case "immediate":
		*m = Immediate
	default:
		return fmt.Errorf("mode %q: want graceful or immediate", b)
	}
	return nil
}

// Stop ends whatever receives it: the engine, a server or a worker. A second Stop may
// only make the first more urgent. Reason is for people and is logged.
type Stop struct {
	Mode   Mode
	Reason string `json:",omitempty"`
}

// Restart replaces every worker. The engine reloads the configuration and reopens the
// log first; when the new configuration is refused, nobody is restarted. ID is a
// supervisor's, by which it knows the end of this one from that of another; 0 elsewhere.
type Restart struct {
	Mode Mode
	ID   uint64 `json:",omitempty"`
}

// LiveRestart replaces the server process while the old one drains (the seed's detach).
// Without a supervisor it is a graceful stop, as in the seed.
type LiveRestart struct{}

// Interrupt is what SIGINT means before anybody has looked at the situation: a stop when
// it came from a terminal or where live restart is not enabled, a live restart elsewhere.
// The second one during a stop makes the stop immediate.
type Interrupt struct{ Terminal bool }

// Reload loads the configuration again and reopens the log. The engine of the top process
// answers a request with ConfigApplied or ConfigRefused. In a worker process it calls the
// worker's Reload with the configuration in force.
type Reload struct{}

// Scale sets the wanted number of workers, from 0. It survives reloads that do not
// change the workers key.
type Scale struct{ Workers int }

// ScaleBy changes the wanted number of workers by Delta, never below 0.
type ScaleBy struct{ Delta int }

// Dump writes stacks, memory figures and the tree to the dump file, and calls the
// workers' Dump.
type Dump struct{}

// GetStatus asks the engine for a Status. It is answered from what events have told the
// top, never by asking through pipes.
type GetStatus struct{}

// Configure carries the configuration to the processes and workers below. An older
// version than the one in force is dropped.
type Configure struct {
	Version uint64
	Body    []byte // encoded by package config
	Cause   Cause
}

// Cause says why a configuration was sent.
type Cause string

// The causes of a Configure.
const (
	CauseStart  Cause = "start"
	CauseReload Cause = "reload"
	CauseScale  Cause = "scale"
)

// Begin is the first frame to a child process: who it is and with what it starts.
type Begin struct {
	Incarnation Incarnation
	Version     uint64            // of the configuration
	Config      []byte            // encoded by package config
	Shared      map[string][]byte `json:",omitempty"` // JSON, by name
	Command     []byte            `json:",omitempty"` // JSON, for the keeper of a spawn worker: what it runs
}

// Tell gives a worker of a slot a value, without an answer. Body is a []byte, or a value
// whose type was registered.
type Tell struct {
	Slot int
	Body any
}

// Ask is a Tell that wants a reply. The engine answers with the reply's value, or with an
// error. Timeout 0 means 10 s.
type Ask struct {
	Slot    int
	Body    any
	Timeout time.Duration
}

// Deliver is a Tell (ID 0) or an Ask (ID from 1) on its way to a worker: encoded once, in
// the process it was sent from, opaque to the processes between.
type Deliver struct {
	ID   uint64
	Slot int
	Type string // name of the registered type, "" for raw bytes
	Body []byte
}

func (Stop) command()        {}
func (Restart) command()     {}
func (LiveRestart) command() {}
func (Interrupt) command()   {}
func (Reload) command()      {}
func (Scale) command()       {}
func (ScaleBy) command()     {}
func (Dump) command()        {}
func (GetStatus) command()   {}
func (Configure) command()   {}
func (Begin) command()       {}
func (Tell) command()        {}
func (Ask) command()         {}
func (Deliver) command()     {}

func (c Stop) String() string        { return c.Mode.String() + " stop" }
func (c Restart) String() string     { return c.Mode.String() + " restart" }
func (c LiveRestart) String() string { return "live restart" }
func (c Interrupt) String() string   { return "interrupt" }
func (c Reload) String() string      { return "reload" }
func (c Scale) String() string       { return fmt.Sprintf("scale to %d", c.Workers) }
func (c ScaleBy) String() string     { return fmt.Sprintf("scale by %+d", c.Delta) }
func (c Dump) String() string        { return "dump" }
func (c GetStatus) String() string   { return "status" }
func (c Configure) String() string   { return fmt.Sprintf("configuration %d (%s)", c.Version, c.Cause) }
func (c Begin) String() string       { return "begin " + c.Incarnation.String() }
func (c Tell) String() string        { return fmt.Sprintf("tell slot %d", c.Slot) }
func (c Ask) String() string         { return fmt.Sprintf("ask slot %d", c.Slot) }
func (c Deliver) String() string {
	return fmt.Sprintf("deliver %d bytes to slot %d", len(c.Body), c.Slot)
}
