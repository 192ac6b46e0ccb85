package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// catchUp takes the commands again that came before the first server was started. A restart
// among them stands for what is at the program's path now.
func (s *supervisor) catchUp(ctx actor.Context) {
	for _, m := range s.early {
		ctx.Send(ctx.Self(), m)
	}
	s.early = nil
}

// restartWorkers passes a restart to the server whose workers they are. Where there is none,
// the start that is waited for is the restart.
func (s *supervisor) restartWorkers(ctx actor.Context, m messages.Restart, image int) {
	if s.mind.current == nil && s.mind.next == nil {
		s.step(ctx, restartStart{mode: m.Mode, image: image})
		return
	}
	s.restarts = image
	for _, one := range []*generation{s.mind.current, s.mind.next} {
		if one != nil {
			s.send(ctx, one.number, m)
		}
	}
}
