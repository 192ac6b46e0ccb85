package workers

import (
	"os"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// ServerProps is the actor of a server process of a generation: the same program, started
// in the role of a server.
func (s *Spawner) ServerProps(generation int, image func() *procbridge.Image, c Configured) *actor.Props {
	inc := messages.ServerIncarnation(generation)
	start := func() (actors.Child, error) {
		return s.startOurs(inc, image, c, ourChild{
			role: RoleServer, name: serverName(c.Config), env: withoutConfig(os.Environ()),
		})
	}
	return actors.NewProxy(actors.ProxyOptions{
		Incarnation: inc, Start: start,
		Started: func(pid int) { s.Top.Started(inc, pid) },
		Timing:  ServerTiming(c.Config),
		Tail:    func() []string { return s.Top.Tail(inc) },
		Log:     s.Log,
	})
}

// serverName is argv[0] of a server process: what ps shows.
func serverName(c config.Config) string {
	if c.ServerProcessName != "" {
		return c.ServerProcessName
	}
	return os.Args[0]
}

// ServerTiming takes the numbers of a server process from a configuration.
func ServerTiming(c config.Config) actors.Timing {
	limit := c.ServerImmediateKillTimeout
	if limit >= 0 { // none stays none
		limit += actors.ServerMargin
	}
	return actors.Timing{
		Ladder: actors.Ladder{
			GracefulInterval: c.ServerGracefulKillInterval, GracefulIncrement: c.ServerGracefulKillIntervalIncrement,
			GracefulTimeout:   c.ServerGracefulKillTimeout,
			ImmediateInterval: c.ServerImmediateKillInterval, ImmediateIncrement: c.ServerImmediateKillIntervalIncrement,
			ImmediateTimeout: limit,
		},
		Watch: actors.Watch{Interval: c.ServerHeartbeatInterval, Timeout: c.ServerHeartbeatTimeout, ProgressTimeout: config.Never},
	}
}
