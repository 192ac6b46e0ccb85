package sockets

import (
	"fmt"
	"math"
	"os"
	"time"
)

// EnvReusePort set to "1" turns ReusePort on for every listener of a Server
// made in this process (the seed's switch).
const EnvReusePort = "SERVERENGINE_USE_SOCKET_REUSEPORT"

// Options of a Server. The zero value works.
type Options struct {
	// OnHand gets what an attached peer handed over, in the goroutine of that
	// peer and in the order it was sent. It owns the files. It may call Attach
	// and Listen, not Close. nil closes the files.
	OnHand func(tag []byte, files []*os.File)

	// OnGone is told that an attached peer's other end is closed: usually its
	// process is gone, and with it all copies it had. It is called in the peer's
	// goroutine, also while Close runs, and may not call Close.
	OnGone func(Peer)

	// OnLost is told, as OnHand, of what was handed over and found no room in this
	// process (syscall.EMFILE). Its files are closed. nil tells nobody.
	OnLost func(tag []byte, err error)

	// OnPath answers an attached peer that asks where outsiders connect (Client.Path),
	// in the goroutine of that peer: it may open the path only then. nil gives Path and
	// Token, and without a path an error.
	OnPath func() (path, token string, err error)

	// NoTakeOver refuses TakeOver to whoever shows the token. Default false.
	NoTakeOver bool

	// OnTakenOver is told, in a goroutine of its own, that another Server has taken all
	// sockets over, and which process it is in. From then on this one refuses what is
	// new. nil tells nobody.
	OnTakenOver func(by string)

	// Inherited sockets satisfy a Listen on their address instead of a bind.
	// The Server owns their files from NewServer on. See Activated.
	Inherited []Inherited

	// ReusePort pins one socket to each slot for every listener, as if each
	// had asked for it. EnvReusePort=1 does the same. Default false.
	ReusePort bool

	// Backlog is that of listeners that nobody gives another: see ListenOptions.
	Backlog int

	// Token that outsiders must show. Default: 32 random bytes in hex.
	Token string

	// AllowUID decides which user may speak to the path. The socket file is
	// 0600, so whoever lets other users in also has to change its mode.
	// Default: root, the user of this process and whom GivePathTo names.
	AllowUID func(uid uint32) bool

	// MaxClients is the number of outsiders served at one time; one more
	// evicts the oldest that has not shown the token, else the one that is
	// idle longest (a Client reconnects by itself). Default 256.
	MaxClients int

	// RequestTimeout bounds how long an outsider may take for its first
	// request, for the rest of a begun one, and for reading its answer.
	// Default 5 s.
	RequestTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxClients <= 0 {
		o.MaxClients = 256
	}
	if o.RequestTimeout <= 0 {
		o.RequestTimeout = 5 * time.Second
	}
	if os.Getenv(EnvReusePort) == "1" {
		o.ReusePort = true
	}
	return o
}

// ListenOptions of one listener. They count for the first who asks for an
// address; later ones get the socket as it is. TCP_FASTOPEN, keep-alive and the
// like are left to the user, on the copy.
type ListenOptions struct {
	// Backlog is the length of the queue of connections not yet accepted, at most
	// MaxBacklog. Default 0: the Server's (Options.Backlog), else the system's maximum
	// (somaxconn). Streams only.
	Backlog int
	// ReuseAddr is SO_REUSEADDR. Default nil: as net.Listen has it, on for
	// streams, off for datagrams.
	ReuseAddr *bool
	// ReusePort pins one socket to each slot, see the package comment.
	// TCP and UDP on Linux; elsewhere the socket is shared.
	ReusePort bool
	// Slot is whose socket is meant with ReusePort, from 0. A peer attached
	// with a Slot of 0 or more always gets its own, and 0 of a Client from Dial
	// is the one that Dial says.
	Slot int
}

// MaxBacklog is the largest Backlog. The kernel takes less: see somaxconn.
const MaxBacklog = math.MaxInt32

// check refuses what no kernel would understand.
func (o ListenOptions) check() error {
	if o.Backlog < 0 || o.Backlog > MaxBacklog {
		return fmt.Errorf("backlog %d, give 0 to %d: %w", o.Backlog, MaxBacklog, ErrBadRequest)
	}
	return nil
}

// Peer says who is at the other end of an attached connection.
type Peer struct {
	// Incarnation is the peer's name in errors and logs.
	Incarnation string
	// Slot whose pinned sockets it gets; -1 for a peer that speaks for
	// several and names the slot in each request.
	Slot int
}

// Info describes one open address.
type Info struct {
	Network, Address string // as asked first
	Bound            string // as bound, with the real port
	Slots            int    // number of pinned sockets; 0 if one is shared
	Steered          bool   // a program spreads over the wanted slots
	Inherited        bool   // came from the service manager
	Asked            bool   // somebody asked for it since the last Mark
}
