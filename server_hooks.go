package serverengine

import (
	"encoding/json"
	"fmt"
	"net"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/sockets"
	"github.com/serverengine/serverengine-go/supervisor"
	"github.com/serverengine/serverengine-go/workers"
)

// Server is what a server's own code knows of itself (the seed's server module): the value
// given to App.Server. Its methods may be called from any goroutine.
type Server struct {
	log  *logrus.Logger
	host workers.Host // the top process
	send func(messages.Command)

	mu     sync.Mutex
	cfg    Config
	shared map[string][]byte
}

// Methods that the value made by App.Server may have. An error or a panic is logged with
// the method's name; only one of BeforeRun ends the server.
type (
	// ServerBeforeRun is called before the first worker starts.
	ServerBeforeRun interface{ BeforeRun() error }
	// ServerAfterRun is called after the last worker has ended. An immediate stop waits 10 s
	// for it, and not at all when it comes again.
	ServerAfterRun interface{ AfterRun() }
	// ServerReload is called when a new configuration is in force (the seed's
	// reload_config).
	ServerReload interface{ ReloadConfig(Config) error }
	// ServerStop is called when a stop begins.
	ServerStop interface{ Stop(messages.Mode) }
	// ServerRestart is called when a restart of the workers begins.
	ServerRestart interface{ Restart(messages.Mode) }
)

// Config is the configuration in force.
func (s *Server) Config() Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg
}

// Logger writes to the engine's log.
func (s *Server) Logger() *logrus.Logger { return s.log }

// Listen opens a socket that the top process owns. A worker that listens on the same
// address gets the same socket. Closing what is returned closes only this copy.
func (s *Server) Listen(network, address string) (net.Listener, error) {
	return s.ListenWith(network, address, sockets.ListenOptions{})
}

// ListenWith is Listen with options, which count for the workers too: they are the first
// one's. With a socket per worker (socket_reuseport) it gets that of Slot.
func (s *Server) ListenWith(network, address string, o sockets.ListenOptions) (net.Listener, error) {
	return s.host.Listen(network, address, o)
}

// ListenPacket is Listen for datagrams.
func (s *Server) ListenPacket(network, address string) (net.PacketConn, error) {
	return s.ListenPacketWith(network, address, sockets.ListenOptions{})
}

// ListenPacketWith is ListenWith for datagrams.
func (s *Server) ListenPacketWith(network, address string, o sockets.ListenOptions) (net.PacketConn, error) {
	return s.host.ListenPacket(network, address, o)
}

// SocketManager is where programs outside the tree get sockets of the top process (the
// seed's socket_manager_path), see Self.SocketManager.
func (s *Server) SocketManager() (path, token string, err error) { return s.host.Manager() }

// Share gives all workers that start from now on a value under a name, as JSON. All values
// together may have 4 MiB: share the path of what is larger.
func (s *Server) Share(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("share %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, size := map[string][]byte{name: b}, len(name)+len(b)
	for k, v := range s.shared {
		if k != name {
			next[k] = v
			size += len(k) + len(v)
		}
	}
	if size > workers.MaxShared {
		return fmt.Errorf("share %q: %d bytes, all shared values have %d then, %d are allowed: share the path of a file instead", name, len(b), size, workers.MaxShared)
	}
	s.shared = next // replaced and not changed: workers that start now hold the old one
	return nil
}

// Send takes a command for the whole tree, for example messages.Restart.
func (s *Server) Send(c messages.Command) { s.send(c) }

func (s *Server) values() map[string][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shared
}

func (s *Server) configure(cfg Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg = cfg
}

// hooks makes the server's code and finds its methods.
func (s *Server) hooks(makeServer func(*Server) (any, error)) supervisor.Hooks {
	var code any
	before := func() error {
		if makeServer == nil {
			return nil
		}
		var err error
		if code, err = makeServer(s); err != nil {
			return fmt.Errorf("App.Server: %w", err)
		}
		if h, ok := code.(ServerBeforeRun); ok {
			return h.BeforeRun()
		}
		return nil
	}
	// The others are called after before has returned, one at a time: that orders the accesses.
	return supervisor.Hooks{
		BeforeRun: before,
		AfterRun: func() {
			if h, ok := code.(ServerAfterRun); ok {
				h.AfterRun()
			}
		},
		Configured: s.configure,
		Reload: func(cfg config.Config) error {
			if h, ok := code.(ServerReload); ok {
				return h.ReloadConfig(cfg)
			}
			return nil
		},
		Stop: func(m messages.Mode) {
			if h, ok := code.(ServerStop); ok {
				h.Stop(m)
			}
		},
		Restart: func(m messages.Mode) {
			if h, ok := code.(ServerRestart); ok {
				h.Restart(m)
			}
		},
	}
}
