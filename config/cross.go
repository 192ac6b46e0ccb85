package config

import "slices"

// ResolvedRestartStrategy returns StrategyAll or StrategyRolling: what
// StrategyAuto comes to for this worker type. Replacing one worker after
// another makes no sense where one restart means all, so auto is rolling only
// under OneForOne.
func (c Config) ResolvedRestartStrategy() RestartStrategy {
	if c.RestartStrategy != StrategyAuto {
		return c.RestartStrategy
	}
	if (c.WorkerType == Process || c.WorkerType == Spawn) && c.SupervisionStrategy == OneForOne {
		return StrategyRolling
	}
	return StrategyAll
}

// ResolvedSchedulingPolicy returns PolicyOther or PolicyBatch: what PolicyAuto comes to on a
// machine with so many cores. Workers on one socket share the work by who is awake first;
// with a socket each, all have work all the time, and more of them than cores would only
// interrupt each other.
func (c Config) ResolvedSchedulingPolicy(cores int) SchedulingPolicy {
	if c.WorkerSchedulingPolicy != PolicyAuto {
		return c.WorkerSchedulingPolicy
	}
	if c.SocketReuseport && c.Workers > cores {
		return PolicyBatch
	}
	return PolicyOther
}

// signals refuses two meanings on one signal: nobody could say which is meant.
func (v *validation) signals() {
	taken := map[string]string{}
	for i := range fields {
		f := &fields[i]
		if f.form != "signal" {
			continue
		}
		name := f.text(v.c)
		if other, ok := taken[name]; ok {
			v.add(f.key, "is the signal of "+other+" too", "give each meaning a signal of its own")
			continue
		}
		taken[name] = f.key
	}
}

// ladders checks that a heartbeat can arrive before it is missed.
func (v *validation) ladders() {
	c := v.c
	const hint = "give a longer time-out, a shorter interval, or -1 for never"
	if t := c.WorkerHeartbeatTimeout; t >= 0 && t <= c.WorkerHeartbeatInterval {
		v.add("worker_heartbeat_timeout", "is not longer than worker_heartbeat_interval, "+duration(c.WorkerHeartbeatInterval), hint)
	}
	if t := c.ServerHeartbeatTimeout; t >= 0 && t <= c.ServerHeartbeatInterval {
		v.add("server_heartbeat_timeout", "is not longer than server_heartbeat_interval, "+duration(c.ServerHeartbeatInterval), hint)
	}
}

func (v *validation) restarts() {
	c := v.c
	if c.RestartStrategy == StrategyRolling && c.SupervisionStrategy != OneForOne &&
		slices.Contains(choices(&c.SupervisionStrategy), string(c.SupervisionStrategy)) {
		v.add("restart_strategy", "needs supervision_strategy one_for_one, which is "+string(c.SupervisionStrategy), "use restart_strategy all or auto, or one_for_one")
	}
	if c.RestartBackoff > 0 && c.RestartBackoffMax < c.RestartBackoff {
		v.add("restart_backoff_max", "is less than restart_backoff, "+duration(c.RestartBackoff), "give at least that")
	}
}

func (v *validation) log() {
	c := v.c
	if c.LogRotateAge > 0 && c.LogRotateSize <= 0 {
		v.add("log_rotate_size", "is no size to rotate at", "give a size like 1MB, or log_rotate_age 0 for no rotation")
	}
}

// Warnings returns what is allowed but probably not meant, one sentence each:
// keys of the original that have no meaning here, and values without effect.
func (c Config) Warnings() []string {
	var ws []string
	if c.notes != nil {
		ws = append(ws, c.notes.ignored...)
	}
	if c.WorkerType == Embedded && c.Workers > 1 {
		ws = append(ws, "workers "+byKey()["workers"].text(&c)+" has no effect: worker_type embedded runs one worker; use worker_type thread or process")
	}
	if c.Daemonize && (c.Log == "" || c.Log == "-") {
		ws = append(ws, "daemonize is true but log is no file: a daemon has no terminal to log to; set log to a path")
	}
	return ws
}

// ignoredKey says what to use instead of a key of the original that has no
// meaning here.
func ignoredKey(key string) (cure string, ok bool) {
	switch key {
	case "logger", "logger_class":
		return "a logger is code: give it as App.Logger", true
	case "windows_daemon_cmdline":
		return "a daemon is this program started again: nothing is needed; on Windows use a service", true
	}
	return "", false
}
