package supervisor

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/probe"
	"github.com/serverengine/serverengine-go/messages"
)

// serverStage is a server actor, the parent that listens to it, and the scripted actors
// that it takes for workers. All of it lives in a bubble of virtual time.
type serverStage struct {
	t       *testing.T
	probe   *probe.Probe
	log     *logtest.Hook
	images  *fakeImages
	options ServerOptions

	mu      sync.Mutex
	workers map[messages.Incarnation]*fakeWorker
	order   []messages.Incarnation
	slow    bool // new workers do not become ready by themselves
	deaf    bool // new workers do not obey
	seen    int  // lines that a test has looked at
}

// fakeWorker is the actor of a worker, as the server sees it.
type fakeWorker struct {
	stage *serverStage
	inc   messages.Incarnation
	image int
	cfg   config.Config
	pid   *actor.PID
	slow  bool
	deaf  bool
	told  []string // everything it was told
}

func serverInBubble(t *testing.T, workers int, set func(*ServerOptions), story func(s *serverStage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		s := &serverStage{t: t, log: hook, images: &fakeImages{open: map[int]bool{}}, workers: map[messages.Incarnation]*fakeWorker{}}
		cfg := config.Default()
		cfg.WorkerType, cfg.Workers = config.Process, workers
		s.options = ServerOptions{
			Generation: 1, Config: cfg, Body: messages.Configure{Version: 1, Cause: messages.CauseStart}, Log: log,
			Images: s.images, Spawn: s.spawn,
			Timing: func(c config.Config) actors.Timing {
				return actors.Timing{Watch: actors.Watch{Interval: c.WorkerHeartbeatInterval}}
			},
		}
		if set != nil {
			set(&s.options)
		}
		s.probe = probe.Start(t, probe.NewSystem(), NewServer(s.options))
		synctest.Wait()
		story(s)
		s.probe.Stop(t)
		time.Sleep(time.Second) // virtual, for what is left of dead letters
	})
}

func (s *serverStage) spawn(inc messages.Incarnation, image int, cfg config.Config, _ messages.Configure) *actor.Props {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.images.isOpen(image) {
		s.t.Errorf("%s is started from image %d, which is not open", inc, image)
	}
	w := &fakeWorker{stage: s, inc: inc, image: image, cfg: cfg, slow: s.slow, deaf: s.deaf}
	s.workers[inc] = w
	s.order = append(s.order, inc)
	return actors.Guarded("worker", s.options.Log, func() actor.Actor { return w })
}

// Receive is for protoactor.
func (w *fakeWorker) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started:
		w.stage.mu.Lock()
		w.pid = ctx.Self()
		w.stage.mu.Unlock()
		ctx.Send(ctx.Parent(), actors.ChildStarted{Incarnation: w.inc, Pid: 10*w.inc.Slot + w.inc.Life})
		if !w.slow {
			ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: w.inc})
		}
	case func(actor.Context):
		m(ctx)
	case messages.Command:
		w.note(m.String())
		if _, ok := m.(messages.Stop); ok && !w.deaf {
			w.exits(ctx, messages.Exit{Cause: messages.ExitReturned})
		}
	case actors.Kill:
		w.note("kill")
		w.exits(ctx, messages.Exit{Cause: messages.ExitSignal, Signal: "KILL", Code: 137})
	case actors.Timing:
		w.note("timing " + m.Watch.Interval.String())
	}
}

func (w *fakeWorker) note(what string) {
	w.stage.mu.Lock()
	defer w.stage.mu.Unlock()
	w.told = append(w.told, what)
}

func (w *fakeWorker) exits(ctx actor.Context, e messages.Exit) {
	ctx.Send(ctx.Parent(), actors.ChildExited{Incarnation: w.inc, Exit: e})
}

// worker is the actor of an incarnation, by its name.
func (s *serverStage) worker(name string) *fakeWorker {
	s.t.Helper()
	inc, err := messages.ParseIncarnation(name)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.workers[inc]
	if w == nil {
		s.t.Fatalf("%s was never started; %v were", name, s.order)
	}
	return w
}

// act lets a worker's actor do something.
func (s *serverStage) act(name string, do func(ctx actor.Context, w *fakeWorker)) {
	s.t.Helper()
	w := s.worker(name)
	s.probe.System.Root.Send(w.pid, func(ctx actor.Context) { do(ctx, w) })
	synctest.Wait()
}

func (s *serverStage) exit(name string, code int) {
	s.t.Helper()
	s.act(name, func(ctx actor.Context, w *fakeWorker) {
		w.exits(ctx, messages.Exit{Cause: messages.ExitReturned, Code: code})
	})
}

func (s *serverStage) ready(name string) {
	s.t.Helper()
	s.act(name, func(ctx actor.Context, w *fakeWorker) {
		ctx.Send(ctx.Parent(), actors.ChildReady{Incarnation: w.inc})
	})
}

func (s *serverStage) says(name string, e messages.Event) {
	s.t.Helper()
	s.act(name, func(ctx actor.Context, w *fakeWorker) {
		ctx.Send(ctx.Parent(), actors.ChildSaid{Incarnation: w.inc, Event: e})
	})
}

func (s *serverStage) told(name string) []string {
	s.t.Helper()
	w := s.worker(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(w.told)
}

func (s *serverStage) wantToldTo(name string, want ...string) {
	s.t.Helper()
	if got := s.told(name); !slices.Equal(got, want) {
		s.t.Errorf("%s was told %q, want %q", name, got, want)
	}
}

// newWorkers makes later workers slow to become ready, or deaf.
func (s *serverStage) newWorkers(slow, deaf bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow, s.deaf = slow, deaf
}

func (s *serverStage) started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}

func (s *serverStage) send(m any) {
	s.probe.Send(m)
	synctest.Wait()
}

// configure sends the configuration with a change, as the top does.
func (s *serverStage) configure(version uint64, cause messages.Cause, change func(*config.Config)) {
	s.t.Helper()
	change(&s.options.Config)
	body, err := config.Encode(s.options.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(messages.Configure{Version: version, Body: body, Cause: cause})
}

func (s *serverStage) pass(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

// lines is what the server has told its parent, one short line for each event.
func (s *serverStage) lines() []string {
	var all []string
	for _, e := range probe.Of[messages.Event](s.probe.Messages()) {
		line := e.String()
		switch e := e.(type) {
		case messages.WorkerExited:
			line += fmt.Sprintf(" next %s", e.Next)
		case messages.Reply:
			line += ": " + e.Err
		}
		all = append(all, line)
	}
	return all
}

// want compares what was told since the last look.
func (s *serverStage) want(lines ...string) {
	s.t.Helper()
	all := s.lines()
	got := all[s.seen:]
	s.seen = len(all)
	if !slices.Equal(got, lines) {
		s.t.Errorf("events\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// wantOrder wants lines among those since the last look, in their order; between them
// there may be others. Actors of different workers are in no order.
func (s *serverStage) wantOrder(lines ...string) {
	s.t.Helper()
	all := s.lines()
	got := all[s.seen:]
	left := lines
	for _, line := range got {
		if len(left) > 0 && line == left[0] {
			left = left[1:]
		}
	}
	if len(left) > 0 {
		s.t.Errorf("events\n\t%s\nwant in this order\n\t%s", strings.Join(got, "\n\t"), strings.Join(lines, "\n\t"))
	}
}

// skip forgets the lines so far.
func (s *serverStage) skip() { s.seen = len(s.lines()) }

// last is the ServerExited that was told, as the last event.
func (s *serverStage) last() messages.ServerExited {
	s.t.Helper()
	all := probe.Of[messages.Event](s.probe.Messages())
	if len(all) == 0 {
		s.t.Fatal("nothing was told")
	}
	e, ok := all[len(all)-1].(messages.ServerExited)
	if !ok {
		s.t.Fatalf("the last event is %v", all[len(all)-1])
	}
	if n := len(probe.Of[messages.ServerExited](s.probe.Messages())); n != 1 {
		s.t.Errorf("%d ServerExited", n)
	}
	return e
}

// logged counts log lines that begin with a text.
func (s *serverStage) logged(prefix string) int {
	n := 0
	for _, e := range s.log.AllEntries() {
		if strings.HasPrefix(e.Message, prefix) {
			n++
		}
	}
	return n
}

// fakeImages keeps account of which images are open.
type fakeImages struct {
	mu      sync.Mutex
	open    map[int]bool
	refuse  error         // what the next Open returns
	hold    chan struct{} // Open waits for it, once it is there
	release int           // Keep(nil) calls
}

func (i *fakeImages) Open(n int) error {
	i.mu.Lock()
	hold, err := i.hold, i.refuse
	if err == nil {
		i.open[n] = true
	}
	i.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return err
}

func (i *fakeImages) Keep(used map[int]bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if used == nil {
		i.release++
	}
	for n := range i.open {
		if !used[n] {
			delete(i.open, n)
		}
	}
}

func (i *fakeImages) isOpen(n int) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.open[n]
}

func (i *fakeImages) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.open)
}

func (i *fakeImages) set(refuse error, hold chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.refuse, i.hold = refuse, hold
}
