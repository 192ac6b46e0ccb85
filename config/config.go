package config

import "time"

// Config is the whole configuration: data only, no code. It starts from
// Default, in which every value means itself (0 is 0, false is false); a Config
// that did not start there is refused by Validate.
//
// Copies made by assignment are independent of each other, as long as a list is
// replaced and not changed in place. Every field carries
// the key's name as its yaml tag and, as its reload tag, what has to restart
// before a changed value is in force (see Reload). Durations are written in YAML
// as seconds or as Go durations; a negative one means Never where that is
// allowed and is refused elsewhere.
//
// The first sentence of each field's comment is its line in the reference that
// WriteReference renders. The other tags are rules that Validate holds: min and
// max bound a number (min a duration in nanoseconds too; 0 where it is missing),
// allow:"never" accepts negative durations, form says what a text is.
type Config struct {
	// Daemon.

	// Detaches from the terminal and runs in the background.
	Daemonize bool `yaml:"daemonize" reload:"never"`
	// Path of the pid file; empty writes none.
	PidPath string `yaml:"pid_path" reload:"never"`
	// Runs the server in a process of its own that a supervisor process keeps.
	Supervisor bool `yaml:"supervisor" reload:"never"`
	// Ignores the dump signal (`signal_dump`).
	DisableSigdump bool `yaml:"disable_sigdump" reload:"live"`
	// Directory of the dump files, `sigdump-<pid>.log`.
	SigdumpDir string `yaml:"sigdump_dir" reload:"live"`
	// Writes a heap profile beside each dump.
	SigdumpHeap bool `yaml:"sigdump_heap" reload:"live"`
	// Name of the top process in `ps`; empty leaves it.
	DaemonProcessName string `yaml:"daemon_process_name" reload:"never"`
	// User, by name or number, that all processes run as; empty keeps the caller's.
	Chuser string `yaml:"chuser" reload:"never"`
	// Group, by name or number, that all processes run as; empty keeps the caller's.
	Chgroup string `yaml:"chgroup" reload:"never"`
	// File mode creation mask of all processes, in octal; -1 keeps the caller's.
	Chumask Umask `yaml:"chumask" reload:"never"`
	// Exit code of the caller when daemonizing or changing user or group fails.
	DaemonizeErrorExitCode int `yaml:"daemonize_error_exit_code" reload:"never" max:"255"`
	// Addresses bound before privileges drop, as `tcp://0.0.0.0:80`, `0.0.0.0:80` or `unix:///run/app.sock`.
	Listen []string `yaml:"listen" reload:"never" form:"address"`
	// How the top takes commands: `signal`, or `pipe` for command words on standard input; also how plain spawn workers are told.
	CommandSender CommandSender `yaml:"command_sender" reload:"never"`
	// How long processes that lost their parent may drain before they end.
	OrphanTimeout time.Duration `yaml:"orphan_timeout" reload:"live"`
	// How long a graceful stop of the whole tree may take before what is left is killed, a server process 2 s later; -1 is no limit.
	StopTimeout time.Duration `yaml:"stop_timeout" reload:"live" allow:"never"`

	// Supervisor. Without supervisor: true these have no effect.

	// Name of the server process in `ps`; empty leaves it.
	ServerProcessName string `yaml:"server_process_name" reload:"server"`
	// Makes the restart signals replace the server process instead of its workers.
	RestartServerProcess bool `yaml:"restart_server_process" reload:"live"`
	// Makes `signal_detach` a live restart; otherwise it is a graceful stop.
	EnableDetach bool `yaml:"enable_detach" reload:"live"`
	// Ends the supervisor after the server was detached, instead of starting a new one.
	ExitOnDetach bool `yaml:"exit_on_detach" reload:"live"`
	// Makes `signal_reload` reopen the log only, without loading the configuration.
	DisableReload bool `yaml:"disable_reload" reload:"live"`
	// Least time from one start of the server process to the next.
	ServerRestartWait time.Duration `yaml:"server_restart_wait" reload:"live"`
	// How long a live restart in `old_first` order waits for the old server before it starts the new one.
	ServerDetachWait time.Duration `yaml:"server_detach_wait" reload:"live"`
	// Which server goes first in a live restart: `new_first` starts the new one and tells the old one to finish once it is ready, `old_first` the other way round.
	LiveRestartOrder LiveRestartOrder `yaml:"live_restart_order" reload:"live"`
	// How long a replaced server may drain before it is killed; -1 is no limit.
	ServerDrainTimeout time.Duration `yaml:"server_drain_timeout" reload:"live" allow:"never"`
	// How many generations of the server may live at once, draining ones included; the oldest is ended first.
	MaxGenerations int `yaml:"max_generations" reload:"live" min:"1"`
	// Time between two heartbeats of the server process.
	ServerHeartbeatInterval time.Duration `yaml:"server_heartbeat_interval" reload:"live" min:"1"`
	// Silence after which the server process counts as stalled and is replaced; -1 is never.
	ServerHeartbeatTimeout time.Duration `yaml:"server_heartbeat_timeout" reload:"live" min:"1" allow:"never"`
	// Time from the first graceful stop signal to the server process to the second.
	ServerGracefulKillInterval time.Duration `yaml:"server_graceful_kill_interval" reload:"live" min:"1"`
	// What each further interval between graceful stop signals to the server process is longer by.
	ServerGracefulKillIntervalIncrement time.Duration `yaml:"server_graceful_kill_interval_increment" reload:"live"`
	// How long the server process has to stop gracefully before it is told to stop at once; -1 is no limit.
	ServerGracefulKillTimeout time.Duration `yaml:"server_graceful_kill_timeout" reload:"live" allow:"never"`
	// Time from the first immediate stop signal to the server process to the second.
	ServerImmediateKillInterval time.Duration `yaml:"server_immediate_kill_interval" reload:"live" min:"1"`
	// What each further interval between immediate stop signals to the server process is longer by.
	ServerImmediateKillIntervalIncrement time.Duration `yaml:"server_immediate_kill_interval_increment" reload:"live"`
	// How long the server process has to stop at once before it is killed, 2 s later, so that it kills its workers first; -1 is no limit.
	ServerImmediateKillTimeout time.Duration `yaml:"server_immediate_kill_timeout" reload:"live" allow:"never"`

	// Workers of every type.

	// What a worker is: `embedded` (one goroutine), `thread` (goroutines), `process` (processes of this program) or `spawn` (processes of any command).
	WorkerType WorkerType `yaml:"worker_type" reload:"server"`
	// Number of workers; 0 is allowed.
	Workers int `yaml:"workers" reload:"live" max:"1000000"`
	// Time between the starts of two workers.
	StartWorkerDelay time.Duration `yaml:"start_worker_delay" reload:"live"`
	// Ratio by which `start_worker_delay` varies at random.
	StartWorkerDelayRand float64 `yaml:"start_worker_delay_rand" reload:"live" max:"2"`
	// Time from the end of a worker to its next start.
	RestartWorkerInterval time.Duration `yaml:"restart_worker_interval" reload:"live"`
	// Exit codes after which a worker is not started again.
	UnrecoverableExitCodes []int `yaml:"unrecoverable_exit_codes" reload:"live" max:"255"`
	// Stops the server as soon as one worker ended with an unrecoverable exit code.
	StopImmediatelyAtUnrecoverableExit bool `yaml:"stop_immediately_at_unrecoverable_exit" reload:"live"`
	// How a graceful restart goes: `all` tells every worker at once, `rolling` replaces them one after another, `auto` is rolling for process and spawn workers and all otherwise.
	RestartStrategy RestartStrategy `yaml:"restart_strategy" reload:"live"`
	// How many replacements a rolling restart may run beside the wanted workers.
	MaxSurge int `yaml:"max_surge" reload:"live" min:"1"`
	// How long a replaced worker may drain before it is killed; -1 leaves it to the kill keys.
	WorkerDrainTimeout time.Duration `yaml:"worker_drain_timeout" reload:"live" allow:"never"`
	// How long a worker must run to count as ready without saying so itself.
	WorkerReadyAfter time.Duration `yaml:"worker_ready_after" reload:"live"`
	// How long a replacement may take to become ready before the restart is given up; -1 is no limit.
	WorkerReadyTimeout time.Duration `yaml:"worker_ready_timeout" reload:"live" min:"1" allow:"never"`
	// Silence after which a worker that reports progress counts as stuck; -1 is never.
	WorkerProgressTimeout time.Duration `yaml:"worker_progress_timeout" reload:"live" min:"1" allow:"never"`
	// How long a stopping HTTP server still answers with `Connection: close` before it shuts down.
	DrainWait time.Duration `yaml:"drain_wait" reload:"live"`
	// Longest wait before the second restart in a row of a worker, doubled with each further one; 0 restarts without waiting.
	RestartBackoff time.Duration `yaml:"restart_backoff" reload:"live"`
	// Upper bound of the growing wait between restarts.
	RestartBackoffMax time.Duration `yaml:"restart_backoff_max" reload:"live"`
	// How long a worker must have been ready for its restarts to be forgotten.
	WorkerStableAfter time.Duration `yaml:"worker_stable_after" reload:"live"`
	// How many restarts of one worker within `restart_window` are too many; 0 sets no limit.
	MaxRestarts int `yaml:"max_restarts" reload:"live"`
	// Period in which the restarts of a worker are counted.
	RestartWindow time.Duration `yaml:"restart_window" reload:"live" min:"1"`
	// What happens beyond `max_restarts`: `backoff` keeps trying slowly, `stop` ends the server with an error; a supervisor starts another one then.
	OnRestartLimit OnRestartLimit `yaml:"on_restart_limit" reload:"live"`
	// Who is restarted when one worker ends: itself (`one_for_one`), all (`one_for_all`) or itself and those of higher id (`rest_for_one`).
	SupervisionStrategy SupervisionStrategy `yaml:"supervision_strategy" reload:"live"`
	// Age at which a worker is replaced; 0 is never.
	WorkerMaxAge time.Duration `yaml:"worker_max_age" reload:"live" allow:"never"`
	// Memory of its own, in bytes or as `512MB`, beyond which a worker process is replaced; 0 sets no limit.
	WorkerMaxMemory int64 `yaml:"worker_max_memory" reload:"live"`
	// Number of jobs after which a worker is replaced; 0 sets no limit.
	WorkerMaxJobs int `yaml:"worker_max_jobs" reload:"live"`
	// Ratio by which the recycling limits vary at random, so that workers are not replaced all at once.
	RecycleJitter float64 `yaml:"recycle_jitter" reload:"live" max:"1"`
	// How many messages may wait for a worker before further ones are refused.
	WorkerQueueSize int `yaml:"worker_queue_size" reload:"workers" min:"1" max:"16777216"`
	// Largest message to or from a worker, in bytes or as `1MB`.
	WorkerMaxMessageSize int64 `yaml:"worker_max_message_size" reload:"workers" min:"1" max:"1073741824"`

	// Worker processes. Goroutine workers ignore these.

	// Name of the worker processes in `ps`, with `%d` for the worker's id; empty leaves it.
	WorkerProcessName string `yaml:"worker_process_name" reload:"live"`
	// User, by name or number, that worker processes run as; empty keeps the server's.
	WorkerChuser string `yaml:"worker_chuser" reload:"workers"`
	// Group, by name or number, that worker processes run as; empty keeps the server's.
	WorkerChgroup string `yaml:"worker_chgroup" reload:"workers"`
	// File mode creation mask of worker processes, in octal; -1 keeps the server's.
	WorkerChumask Umask `yaml:"worker_chumask" reload:"workers"`
	// GOMAXPROCS of a worker process; 0 divides the cores by the workers, at least 1.
	WorkerGomaxprocs int `yaml:"worker_gomaxprocs" reload:"workers"`
	// Linux's scheduling policy of a worker process; batch = it interrupts no other when it wakes up; auto = batch if each worker has a socket of its own and they outnumber the cores.
	WorkerSchedulingPolicy SchedulingPolicy `yaml:"worker_scheduling_policy" reload:"workers"`
	// Time between two heartbeats of a worker process.
	WorkerHeartbeatInterval time.Duration `yaml:"worker_heartbeat_interval" reload:"live" min:"1"`
	// Silence after which a worker process counts as stalled and is replaced; -1 is never.
	WorkerHeartbeatTimeout time.Duration `yaml:"worker_heartbeat_timeout" reload:"live" min:"1" allow:"never"`
	// Time from the first graceful stop signal to a worker process to the second.
	WorkerGracefulKillInterval time.Duration `yaml:"worker_graceful_kill_interval" reload:"live" min:"1"`
	// What each further interval between graceful stop signals to a worker process is longer by.
	WorkerGracefulKillIntervalIncrement time.Duration `yaml:"worker_graceful_kill_interval_increment" reload:"live"`
	// How long a worker process has to stop gracefully before it is told to stop at once; -1 is no limit.
	WorkerGracefulKillTimeout time.Duration `yaml:"worker_graceful_kill_timeout" reload:"live" allow:"never"`
	// Time from the first immediate stop signal to a worker process to the second.
	WorkerImmediateKillInterval time.Duration `yaml:"worker_immediate_kill_interval" reload:"live" min:"1"`
	// What each further interval between immediate stop signals to a worker process is longer by.
	WorkerImmediateKillIntervalIncrement time.Duration `yaml:"worker_immediate_kill_interval_increment" reload:"live"`
	// How long a worker process has to stop at once before it is killed; -1 is no limit.
	WorkerImmediateKillTimeout time.Duration `yaml:"worker_immediate_kill_timeout" reload:"live" allow:"never"`
	// Signal that tells a spawned command to reload; empty sends none.
	WorkerReloadSignal string `yaml:"worker_reload_signal" reload:"live" form:"any_signal"`

	// Sockets.

	// Opens one TCP or UDP socket per worker with SO_REUSEPORT instead of one shared by all, on Linux; while a worker is not there, its share waits for it.
	SocketReuseport bool `yaml:"socket_reuseport" reload:"never"`
	// Length of the queue of connections not yet accepted; 0 takes the system's.
	SocketBacklog int `yaml:"socket_backlog" reload:"never" max:"2147483647"`

	// Log.

	// Path of the log file; `-` is standard output, empty is standard error.
	Log string `yaml:"log" reload:"live"`
	// Least level that is logged: `trace`, `debug`, `info`, `warn`, `error` or `fatal`.
	LogLevel string `yaml:"log_level" reload:"live" form:"level"`
	// How many rotated log files are kept; 0 turns rotation off.
	LogRotateAge int `yaml:"log_rotate_age" reload:"live"`
	// Size at which the log file is rotated, in bytes or as `1MB`.
	LogRotateSize int64 `yaml:"log_rotate_size" reload:"live"`
	// Turns what child processes print to standard output into log lines.
	LogStdout bool `yaml:"log_stdout" reload:"server"`
	// Turns what child processes print to standard error into log lines.
	LogStderr bool `yaml:"log_stderr" reload:"server"`
	// Shape of a log line: `text` or `json`.
	LogFormat LogFormat `yaml:"log_format" reload:"live"`
	// Compresses rotated log files with gzip.
	LogCompress bool `yaml:"log_compress" reload:"live"`

	// Signals. With or without the prefix SIG; no two may be the same.

	// Signal of a graceful stop.
	SignalGracefulStop string `yaml:"signal_graceful_stop" reload:"never" form:"signal"`
	// Signal of an immediate stop.
	SignalImmediateStop string `yaml:"signal_immediate_stop" reload:"never" form:"signal"`
	// Signal of a graceful restart.
	SignalGracefulRestart string `yaml:"signal_graceful_restart" reload:"never" form:"signal"`
	// Signal of an immediate restart.
	SignalImmediateRestart string `yaml:"signal_immediate_restart" reload:"never" form:"signal"`
	// Signal that reloads the configuration and reopens the log.
	SignalReload string `yaml:"signal_reload" reload:"never" form:"signal"`
	// Signal of a live restart, see `enable_detach`.
	SignalDetach string `yaml:"signal_detach" reload:"never" form:"signal"`
	// Signal that dumps goroutines and memory figures; the variable `SIGDUMP_SIGNAL` sets it too.
	SignalDump string `yaml:"signal_dump" reload:"never" form:"signal"`

	// born is set by Default alone, so that a zero Config is told from one
	// whose values are all zero on purpose.
	born bool
	// notes hold what is no key of ours. It is never changed in place: a
	// change replaces it, which keeps copies of a Config independent.
	notes *notes
}
