package supervisor

import (
	"fmt"
	"math/rand/v2"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// recycler counts the jobs of each life against worker_max_jobs.
type recycler struct {
	max    int
	jitter float64
	jobs   map[messages.Incarnation]*jobCount
}

type jobCount struct{ done, limit int }

func (r *recycler) configure(c config.Config) {
	if r.jobs == nil {
		r.jobs = map[messages.Incarnation]*jobCount{}
	}
	if r.max == c.WorkerMaxJobs && r.jitter == c.RecycleJitter {
		return
	}
	r.max, r.jitter = c.WorkerMaxJobs, c.RecycleJitter
	for inc, j := range r.jobs {
		done := j.done
		r.born(inc)
		r.jobs[inc].done = done
	}
}

// born gives a life its limit: less than the maximum by a random part, so that workers
// that started together are not replaced together.
func (r *recycler) born(inc messages.Incarnation) {
	r.jobs[inc] = &jobCount{limit: r.max - int(rand.Float64()*r.jitter*float64(r.max))}
}

func (r *recycler) forget(inc messages.Incarnation) { delete(r.jobs, inc) }

// jobsDone returns why a life is to be replaced, once it has done enough.
func (r *recycler) jobsDone(inc messages.Incarnation, n int) string {
	j := r.jobs[inc]
	if j == nil {
		return ""
	}
	j.done += n
	if r.max <= 0 || j.done < j.limit {
		return ""
	}
	j.limit = j.done + r.max // the next try, should its replacement fail
	return fmt.Sprintf("worker_max_jobs: %d jobs done", j.done)
}
