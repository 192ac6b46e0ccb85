package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/messages"
)

// close runs AfterRun and ends.
func (s *server) close(ctx actor.Context, exit messages.Exit) {
	s.exit = exit
	s.behavior.Become(s.closing)
	s.awaitAfterRun(ctx)
	root, self, hook := ctx.ActorSystem().Root, ctx.Self(), s.Hooks.AfterRun
	go func() {
		s.awaitHooks()
		if hook != nil {
			s.logged(guardHook("AfterRun", func() error { hook(); return nil }))
		}
		root.Send(self, afterRun{})
	}()
}

// say tells the end, the last thing that this actor says.
func (s *server) say(ctx actor.Context) {
	s.alarm.Stop()
	s.behavior.Become(s.ended)
	s.up(ctx, messages.ServerExited{Generation: s.Generation, Exit: s.exit, Expected: s.stop != nil || s.fleet.stop != nil})
}

// ended repairs nothing: the ends of the workers' actors reach an actor that is being
// stopped too, and a child that it starts then is stopped by nobody.
func (s *server) ended(actor.Context) {}

func (s *server) closing(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case afterRun:
		s.say(ctx)
	case messages.Stop:
		if m.Mode == messages.Immediate {
			s.giveUpHook(ctx, "immediate stop")
			return
		}
		s.limitHook(ctx)
	case actors.Rang:
		if s.alarm.Due(m) {
			s.lookAtHook(ctx)
		}
	case actors.Mail, messages.Deliver:
		s.refuse(ctx, "the server has stopped", mail(m)...)
	}
}
