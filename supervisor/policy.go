package supervisor

import (
	"math"
	"slices"
	"time"

	"github.com/serverengine/serverengine-go/config"
)

// policy is what the fleet needs of a configuration.
type policy struct {
	workers int

	startDelay      time.Duration // least time between two starts
	startDelayRand  float64       // lengthens startDelay by up to this ratio
	restartInterval time.Duration // least time between an exit and the slot's next start

	unrecoverable       []int
	stopAtUnrecoverable bool

	backoff     time.Duration // 0 = restart at once, always
	backoffMax  time.Duration
	stableAfter time.Duration // ready for so long forgives earlier exits
	maxRestarts int           // 0 = no limit
	window      time.Duration
	onLimit     config.OnRestartLimit

	rolling      bool
	surge        int
	readyTimeout time.Duration
	family       config.SupervisionStrategy

	drainTimeout time.Duration // of a replaced incarnation; negative = none
	stopTimeout  time.Duration // of a whole stop; negative = none
	maxAge       time.Duration // 0 = none
	jitter       float64       // shortens maxAge by up to this ratio

	killable   bool          // workers are processes
	stuckAfter time.Duration // for those that are not; negative = never
	guest      bool          // we live in a host program that must not be exited
}

// newPolicy takes what the fleet needs from c. guest says that the process belongs to
// somebody else's program.
func newPolicy(c config.Config, guest bool) policy {
	processes := c.WorkerType == config.Process || c.WorkerType == config.Spawn
	p := policy{
		workers:    c.Workers,
		startDelay: c.StartWorkerDelay, startDelayRand: c.StartWorkerDelayRand,
		restartInterval: c.RestartWorkerInterval,
		unrecoverable:   c.UnrecoverableExitCodes, stopAtUnrecoverable: c.StopImmediatelyAtUnrecoverableExit,
		backoff: c.RestartBackoff, backoffMax: c.RestartBackoffMax, stableAfter: c.WorkerStableAfter,
		maxRestarts: c.MaxRestarts, window: c.RestartWindow, onLimit: c.OnRestartLimit,
		rolling: c.ResolvedRestartStrategy() == config.StrategyRolling,
		surge:   max(1, c.MaxSurge), readyTimeout: c.WorkerReadyTimeout, family: c.SupervisionStrategy,
		drainTimeout: c.WorkerDrainTimeout, stopTimeout: c.StopTimeout,
		maxAge: c.WorkerMaxAge, jitter: c.RecycleJitter,
		killable: processes, stuckAfter: c.WorkerGracefulKillTimeout, guest: guest,
	}
	if c.WorkerType == config.Embedded && p.workers > 1 {
		p.workers = 1
	}
	return p
}

func (p policy) isUnrecoverable(code int) bool { return slices.Contains(p.unrecoverable, code) }

// backoffFor is the longest delay before the start that follows the n-th exit in a row,
// n from 0. The first restart is at once.
func (p policy) backoffFor(n int) time.Duration {
	if p.backoff <= 0 || n <= 0 {
		return 0
	}
	d := float64(p.backoff) * math.Pow(2, float64(n-1))
	return time.Duration(min(d, float64(max(p.backoffMax, p.backoff))))
}

// decision is what a slot's restart policy says after an exit.
type decision struct {
	action decided
	after  time.Duration // for restart
	why    string
}

type decided uint8

const (
	restartSlot decided = iota
	endSlot             // unrecoverable: the slot is not started again
	endFleet            // the restart limit was exceeded and the policy is to stop
)

// history is the restart policy's memory of one slot.
type history struct {
	restarts int         // unexpected exits that were followed by a start
	inRow    int         // of them, since the slot was last ready for long enough
	recent   []time.Time // unexpected exits within the window
	failing  bool        // over the limit and still being retried
}

// decide judges an unexpected exit at now of an incarnation that had been ready for
// readyFor (0 = never). hasCode: code is an exit code and not a signal. rnd is uniform in [0, 1): full jitter spreads the slots.
func (h *history) decide(now time.Time, p policy, code int, hasCode bool, readyFor time.Duration, rnd float64) decision {
	if hasCode && p.isUnrecoverable(code) {
		return decision{action: endSlot, why: "unrecoverable exit code"}
	}
	if readyFor >= p.stableAfter && readyFor > 0 {
		h.inRow, h.failing = 0, false
	}
	h.recent = append(slices.DeleteFunc(h.recent, func(t time.Time) bool { return now.Sub(t) >= p.window }), now)
	limit := p.backoffFor(h.inRow)
	d := decision{after: time.Duration(float64(limit) * rnd), why: "worker exited"}
	if limit > 0 {
		d.why = "back-off"
	}
	h.failing = p.maxRestarts > 0 && len(h.recent) > p.maxRestarts
	if h.failing {
		if p.onLimit == config.LimitStop {
			return decision{action: endFleet, why: "restart limit exceeded"}
		}
		d.why = "restart limit exceeded"
		d.after = max(p.backoffMax, p.backoff)
	}
	if p.restartInterval > d.after {
		d.after, d.why = p.restartInterval, "restart_worker_interval"
	}
	h.inRow++
	h.restarts++
	return d
}
