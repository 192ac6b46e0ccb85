package supervisor

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// weighEvery is how often the memory of worker processes is looked at, if there is a limit.
const weighEvery = 5 * time.Second

// recycler holds each life against worker_max_jobs and worker_max_memory. What it says is
// soft: the life is replaced like in a rolling restart.
type recycler struct {
	maxJobs   int
	maxMemory int64
	jitter    float64
	lives     map[messages.Incarnation]*use
	weighing  bool
}

// use is what a life has used so far. Its limits are less than the maximum by a random
// part, so that workers that started together are not replaced together.
type use struct {
	jobs, maxJobs int
	pid           int
	maxMemory     int64
}

func (r *recycler) configure(c config.Config) {
	if r.lives == nil {
		r.lives = map[messages.Incarnation]*use{}
	}
	same := r.maxJobs == c.WorkerMaxJobs && r.maxMemory == c.WorkerMaxMemory && r.jitter == c.RecycleJitter
	r.maxJobs, r.maxMemory, r.jitter = c.WorkerMaxJobs, c.WorkerMaxMemory, c.RecycleJitter
	if same {
		return
	}
	for _, u := range r.lives {
		r.limit(u)
	}
}

func (r *recycler) limit(u *use) {
	less := 1 - rand.Float64()*r.jitter
	u.maxJobs, u.maxMemory = int(less*float64(r.maxJobs)), int64(less*float64(r.maxMemory))
}

func (r *recycler) born(inc messages.Incarnation) {
	u := &use{}
	r.limit(u)
	r.lives[inc] = u
}

func (r *recycler) started(inc messages.Incarnation, pid int) {
	if u := r.lives[inc]; u != nil {
		u.pid = pid
	}
}

func (r *recycler) forget(inc messages.Incarnation) { delete(r.lives, inc) }

// jobsDone returns why a life is to be replaced, once it has done enough.
func (r *recycler) jobsDone(inc messages.Incarnation, n int) string {
	u := r.lives[inc]
	if u == nil {
		return ""
	}
	u.jobs += n
	if r.maxJobs <= 0 || u.jobs < u.maxJobs {
		return ""
	}
	u.maxJobs = u.jobs + r.maxJobs // the next try, should its replacement fail
	return fmt.Sprintf("worker_max_jobs: %d jobs done", u.jobs)
}

// weighed returns why a life is to be replaced, if it has grown too much.
func (r *recycler) weighed(inc messages.Incarnation, bytes int64) string {
	u := r.lives[inc]
	if u == nil || r.maxMemory <= 0 || bytes < u.maxMemory {
		return ""
	}
	u.maxMemory = bytes + r.maxMemory/10 // the next try, should its replacement fail
	return fmt.Sprintf("worker_max_memory: %d bytes", bytes)
}

// weights is the result of one look at the memory of all processes.
type weights map[messages.Incarnation]int64

type weighNow struct{}

// weigh begins to look, in a goroutine, if there is something to look at. It is for keeping
// alone, where the answer is heard.
func (s *server) weigh(ctx actor.Context) {
	if s.Memory == nil || s.recycler.weighing || s.recycler.maxMemory <= 0 {
		return
	}
	s.recycler.weighing = true
	pids := map[messages.Incarnation]int{}
	for inc, u := range s.recycler.lives {
		if u.pid != 0 {
			pids[inc] = u.pid
		}
	}
	root, self, memory := ctx.ActorSystem().Root, ctx.Self(), s.Memory
	go func() {
		all := weights{}
		for inc, pid := range pids {
			if n, err := memory(pid); err == nil { // it has just ended, else: its exit follows
				all[inc] = n
			}
		}
		root.Send(self, all)
	}()
}

// unschedule drops the next look.
func (s *server) unschedule() {
	if s.scale != nil {
		s.scale.Stop()
	}
}

func (s *server) weighed(ctx actor.Context, all weights) {
	s.recycler.weighing = false
	for inc, bytes := range all {
		if why := s.recycler.weighed(inc, bytes); why != "" {
			s.step(ctx, recycle{inc: inc, why: why})
		}
	}
	s.unschedule() // a look out of turn, after a reload, begins no second round
	if s.recycler.maxMemory > 0 {
		root, self := ctx.ActorSystem().Root, ctx.Self()
		s.scale = time.AfterFunc(weighEvery, func() { root.Send(self, weighNow{}) })
	}
}
