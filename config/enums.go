package config

// WorkerType says what a worker is made of; key worker_type.
type WorkerType string

// The worker types. The same worker code runs in the first three.
const (
	Embedded WorkerType = "embedded" // one goroutine of the server
	Thread   WorkerType = "thread"   // one goroutine of the server per worker
	Process  WorkerType = "process"  // one process of this program per worker
	Spawn    WorkerType = "spawn"    // one process of any command per worker
)

// CommandSender says how commands arrive; key command_sender.
type CommandSender string

// The ways a command arrives.
const (
	SenderSignal CommandSender = "signal" // as an OS signal
	SenderPipe   CommandSender = "pipe"   // as a word on standard input; the default on Windows
)

// RestartStrategy says how a graceful restart replaces the workers; key
// restart_strategy.
type RestartStrategy string

// The restart strategies.
const (
	StrategyAuto    RestartStrategy = "auto"    // see Config.ResolvedRestartStrategy
	StrategyAll     RestartStrategy = "all"     // every worker is told at once and replaced as it finishes
	StrategyRolling RestartStrategy = "rolling" // a few at a time, replacements first
)

// OnRestartLimit says what follows when a worker was restarted more often than
// the restart intensity allows (max_restarts within restart_window); key
// on_restart_limit.
type OnRestartLimit string

// What follows an exceeded restart intensity.
const (
	LimitBackoff OnRestartLimit = "backoff" // go on trying at restart_backoff_max
	LimitStop    OnRestartLimit = "stop"    // the server ends with an error
)

// SupervisionStrategy says who is restarted when one worker ends; key
// supervision_strategy. The names are those of Erlang/OTP.
type SupervisionStrategy string

// The supervision strategies.
const (
	OneForOne  SupervisionStrategy = "one_for_one"  // that worker only
	OneForAll  SupervisionStrategy = "one_for_all"  // all workers
	RestForOne SupervisionStrategy = "rest_for_one" // that worker and those with a higher id
)

// LiveRestartOrder says which server goes first in a live restart; key
// live_restart_order.
type LiveRestartOrder string

// The orders of a live restart.
const (
	NewFirst LiveRestartOrder = "new_first" // the old server finishes once the new one is ready
	OldFirst LiveRestartOrder = "old_first" // the new server starts when the old one ended or server_detach_wait is over
)

// SchedulingPolicy is how the system shares its cores out to worker processes; key
// worker_scheduling_policy. It counts on Linux only.
type SchedulingPolicy string

// The scheduling policies.
const (
	PolicyAuto  SchedulingPolicy = "auto"  // see Config.ResolvedSchedulingPolicy
	PolicyOther SchedulingPolicy = "other" // the server's own
	PolicyBatch SchedulingPolicy = "batch" // SCHED_BATCH: more work done, answers a little later when cores are short
)

// LogFormat is the shape of a log line; key log_format.
type LogFormat string

// The log formats.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

// Umask is a file mode creation mask, 0 to 0777, or NoUmask.
type Umask int

// NoUmask leaves the mask as it was inherited.
const NoUmask Umask = -1

// Reload says what has to restart before a changed value is in force.
type Reload string

// What a changed value waits for.
const (
	ReloadLive    Reload = "live"    // nothing: it is in force after the reload
	ReloadWorkers Reload = "workers" // a restart of the workers
	ReloadServer  Reload = "server"  // a restart of the server process
	ReloadNever   Reload = "never"   // the whole tree has to be stopped and started
)

// choices returns the values an enumeration allows, most usual first. p is a
// pointer to a field of Config; nil is returned for a field that is none.
func choices(p any) []string {
	switch p.(type) {
	case *WorkerType:
		return []string{string(Embedded), string(Thread), string(Process), string(Spawn)}
	case *CommandSender:
		return []string{string(SenderSignal), string(SenderPipe)}
	case *RestartStrategy:
		return []string{string(StrategyAuto), string(StrategyAll), string(StrategyRolling)}
	case *OnRestartLimit:
		return []string{string(LimitBackoff), string(LimitStop)}
	case *SupervisionStrategy:
		return []string{string(OneForOne), string(OneForAll), string(RestForOne)}
	case *LiveRestartOrder:
		return []string{string(NewFirst), string(OldFirst)}
	case *SchedulingPolicy:
		return []string{string(PolicyAuto), string(PolicyOther), string(PolicyBatch)}
	case *LogFormat:
		return []string{string(FormatText), string(FormatJSON)}
	}
	return nil
}

// enumText returns the text of the enumeration p points to, and whether it is one.
func enumText(p any) (*string, bool) {
	switch p := p.(type) {
	case *WorkerType:
		return (*string)(p), true
	case *CommandSender:
		return (*string)(p), true
	case *RestartStrategy:
		return (*string)(p), true
	case *OnRestartLimit:
		return (*string)(p), true
	case *SupervisionStrategy:
		return (*string)(p), true
	case *LiveRestartOrder:
		return (*string)(p), true
	case *SchedulingPolicy:
		return (*string)(p), true
	case *LogFormat:
		return (*string)(p), true
	}
	return nil, false
}
