package supervisor

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/messages"
)

// workersRestart is a restart that a server was told and has not finished. Its image is the
// ID of the command: no two restarts open the same one.
type workersRestart struct {
	number int // of the server
	image  int
	mode   messages.Mode
}

// workersRestarted makes the image that the workers run now the one that a crash of the
// server is repaired with, so that a crash never goes back to an old version.
func (s *supervisor) workersRestarted(ctx actor.Context, number int, e messages.RestartFinished) {
	image := s.takeRestart(number, e.ID)
	if image != 0 && e.Reason == "" {
		s.step(ctx, genImage{number: number, image: image})
	}
	e.ID = 0 // it was for us
	s.up(ctx, e)
	s.keepImages()
}

// takeRestart forgets a restart and returns its image; 0 = there is none of this ID. A server
// of an older build says no ID: its newest one is meant, and it has no other any more.
func (s *supervisor) takeRestart(number int, id uint64) (image int) {
	s.restarts = slices.DeleteFunc(s.restarts, func(r workersRestart) bool {
		found := r.number == number && (id == 0 || uint64(r.image) == id)
		if found {
			image = r.image
		}
		return found
	})
	return image
}

// restartsGone forgets the restarts of a server that has ended.
func (s *supervisor) restartsGone(ctx actor.Context, number int) {
	for _, r := range slices.Clone(s.restarts) {
		if r.number != number {
			continue
		}
		s.takeRestart(number, uint64(r.image))
		alsoTold := slices.ContainsFunc(s.restarts, func(o workersRestart) bool { return o.image == r.image })
		if s.isCurrent(number) && !alsoTold {
			s.Log.Error("the restart of the workers ended with their server, and is not repeated")
			s.up(ctx, messages.RestartFinished{Mode: r.mode, Reason: "the server ended"})
		}
	}
}

func (s *supervisor) keepImages() {
	used := s.mind.images()
	for _, r := range s.restarts {
		used[r.image] = true
	}
	s.images.keep(used)
}

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
	m.ID = uint64(image)
	for _, one := range []*generation{s.mind.current, s.mind.next} {
		if one != nil {
			s.restarts = append(s.restarts, workersRestart{number: one.number, image: image, mode: m.Mode})
			s.send(ctx, one.number, m)
		}
	}
}
