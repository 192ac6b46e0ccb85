package supervisor

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// supervisorStage is a supervisor actor, the parent that listens to it, and the scripted
// actors that it takes for the proxies of server processes, in a bubble of virtual time.
type supervisorStage struct {
	t       *testing.T
	probe   *probe.Probe
	log     *logtest.Hook
	images  *fakeImages
	options SupervisorOptions

	mu      sync.Mutex
	servers []*fakeProxy
	slow    bool // new servers do not become ready by themselves
	deaf    bool // new servers do not obey
	seen    int  // lines that a test has looked at
}

// fakeProxy is the actor of a server process, as the supervisor sees it.
type fakeProxy struct {
	stage      *supervisorStage
	generation int
	image      int
	cfg        config.Config
	version    uint64 // of the configuration it started with
	pid        *actor.PID
	slow, deaf bool
	told       []string
	restarts   []messages.Restart // of them
}

func supervisorInBubble(t *testing.T, set func(*SupervisorOptions), story func(s *supervisorStage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		log.SetLevel(logrus.TraceLevel)
		s := &supervisorStage{t: t, log: hook, images: &fakeImages{open: map[int]bool{}}}
		cfg := config.Default()
		cfg.Supervisor = true
		s.options = SupervisorOptions{
			Config: cfg, Body: messages.Configure{Version: 1, Cause: messages.CauseStart}, Log: log,
			Images: s.images, Spawn: s.spawn,
			Timing: func(c config.Config) actors.Timing {
				return actors.Timing{Watch: actors.Watch{Interval: c.ServerHeartbeatInterval}}
			},
		}
		if set != nil {
			set(&s.options)
		}
		s.probe = probe.Start(t, probe.NewSystem(), NewSupervisor(s.options))
		synctest.Wait()
		story(s)
		s.probe.Stop(t)
		time.Sleep(time.Second) // virtual, for what is left of dead letters
		synctest.Wait()
		if n := s.images.count(); n > 0 {
			t.Errorf("%d images are open after the end", n)
		}
	})
}

func (s *supervisorStage) spawn(generation, image int, cfg config.Config, c messages.Configure) *actor.Props {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.images.isOpen(image) {
		s.t.Errorf("server %d is started from image %d, which is not open", generation, image)
	}
	if generation != len(s.servers)+1 {
		s.t.Errorf("server %d is started as the %d-th", generation, len(s.servers)+1)
	}
	p := &fakeProxy{stage: s, generation: generation, image: image, cfg: cfg, version: c.Version, slow: s.slow, deaf: s.deaf}
	s.servers = append(s.servers, p)
	return actors.Guarded("proxy", s.options.Log, func() actor.Actor { return p })
}

func (p *fakeProxy) incarnation() messages.Incarnation {
	return messages.ServerIncarnation(p.generation)
}

// Receive is for protoactor.
func (p *fakeProxy) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		p.stage.mu.Lock()
		p.pid = ctx.Self()
		p.stage.mu.Unlock()
		ctx.Send(ctx.Parent(), actors.ChildStarted{Incarnation: p.incarnation(), Pid: 1000 + p.generation})
		if !p.slow {
			ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: p.incarnation()})
		}
	case func(actor.Context):
		m(ctx)
	case messages.Command:
		p.note(m.String())
		if m, ok := m.(messages.Restart); ok {
			p.restarts = append(p.restarts, m)
		}
		if _, ok := m.(messages.Stop); ok && !p.deaf {
			p.exits(ctx, messages.Exit{Cause: messages.ExitReturned})
		}
	case actors.Mail:
		for _, d := range m {
			p.note(d.String())
		}
	case actors.Kill:
		p.note("kill")
		p.exits(ctx, killed)
	case actors.Timing:
		p.note("timing " + m.Watch.Interval.String())
	}
}

func (p *fakeProxy) note(what string) {
	p.stage.mu.Lock()
	defer p.stage.mu.Unlock()
	p.told = append(p.told, what)
}

func (p *fakeProxy) exits(ctx actor.Context, e messages.Exit) {
	ctx.Send(ctx.Parent(), actors.ChildExited{Incarnation: p.incarnation(), Pid: 1000 + p.generation, Exit: e})
}

func (s *supervisorStage) server(generation int) *fakeProxy {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if generation > len(s.servers) {
		s.t.Fatalf("server %d was never started, %d were", generation, len(s.servers))
	}
	return s.servers[generation-1]
}

// act lets a server's actor do something.
func (s *supervisorStage) act(generation int, do func(ctx actor.Context, p *fakeProxy)) {
	s.t.Helper()
	p := s.server(generation)
	s.probe.System.Root.Send(p.pid, func(ctx actor.Context) { do(ctx, p) })
	synctest.Wait()
}

func (s *supervisorStage) exit(generation int, e messages.Exit) {
	s.t.Helper()
	s.act(generation, func(ctx actor.Context, p *fakeProxy) { p.exits(ctx, e) })
}

func (s *supervisorStage) ready(generation int) {
	s.t.Helper()
	s.act(generation, func(ctx actor.Context, p *fakeProxy) {
		ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: p.incarnation()})
	})
}

func (s *supervisorStage) says(generation int, e messages.Event) {
	s.t.Helper()
	s.act(generation, func(ctx actor.Context, p *fakeProxy) {
		ctx.Send(ctx.Parent(), actors.ChildSaid{Incarnation: p.incarnation(), Event: e})
	})
}

// wantTold compares all that a server was told.
func (s *supervisorStage) wantTold(generation int, want ...string) {
	s.t.Helper()
	p := s.server(generation)
	s.mu.Lock()
	got := slices.Clone(p.told)
	s.mu.Unlock()
	if !slices.Equal(got, want) {
		s.t.Errorf("server %d was told %q, want %q", generation, got, want)
	}
}

// finishes lets a server say that the n-th restart it was told is over, why not empty if it failed.
func (s *supervisorStage) finishes(generation, n int, why string) {
	s.t.Helper()
	s.act(generation, func(ctx actor.Context, p *fakeProxy) {
		r := p.restarts[n-1]
		e := messages.RestartFinished{Mode: r.Mode, ID: r.ID, Reason: why}
		ctx.Send(ctx.Parent(), actors.ChildSaid{Incarnation: p.incarnation(), Event: e})
	})
}

// newServers makes later servers slow to become ready, or deaf.
func (s *supervisorStage) newServers(slow, deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow, s.deaf = slow, deaf
}

func (s *supervisorStage) started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.servers)
}

func (s *supervisorStage) wantStarted(n int) {
	s.t.Helper()
	if got := s.started(); got != n {
		s.t.Fatalf("%d servers were started, want %d", got, n)
	}
}

func (s *supervisorStage) send(m any) {
	s.probe.Send(m)
	synctest.Wait()
}

// configure sends the configuration with a change, as the engine does.
func (s *supervisorStage) configure(version uint64, cause messages.Cause, change func(*config.Config)) {
	s.t.Helper()
	change(&s.options.Config)
	body, err := config.Encode(s.options.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(messages.Configure{Version: version, Body: body, Cause: cause})
}

func (s *supervisorStage) pass(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

// want compares what the parent was told since the last look.
func (s *supervisorStage) want(lines ...string) {
	s.t.Helper()
	var all []string
	for _, e := range probe.Of[messages.Event](s.probe.Messages()) {
		line := e.String()
		if e, ok := e.(messages.Reply); ok {
			line += ": " + e.Err
		}
		all = append(all, line)
	}
	got := all[s.seen:]
	s.seen = len(all)
	if !slices.Equal(got, lines) {
		s.t.Errorf("events\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

func (s *supervisorStage) skip() { s.seen = len(probe.Of[messages.Event](s.probe.Messages())) }

// logged counts log lines of a level that contain a text.
func (s *supervisorStage) logged(level logrus.Level, text string) (n int) {
	for _, e := range s.log.AllEntries() {
		if e.Level == level && strings.Contains(e.Message, text) {
			n++
		}
	}
	return n
}
