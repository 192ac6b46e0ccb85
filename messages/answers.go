package messages

import "time"

// ConfigApplied answers a Reload: the new configuration is in force in the top.
type ConfigApplied struct {
	Version      uint64
	Changes      []string // what changed, for people
	NeedsRestart []string // keys that take effect only after a restart
}

// ConfigRefused answers a Reload: the old configuration stays in force everywhere.
type ConfigRefused struct{ Reason string }

// Status answers GetStatus.
type Status struct {
	Name          string
	Pid           int    // of the top process
	State         string // starting, running, stopping
	ConfigVersion uint64
	WorkerType    string
	Wanted        int // number of workers
	Ready         int // workers that may get traffic now
	Servers       []ServerStatus
	LastRestart   string // how the last restart of workers ended; empty before the first
	LastReload    string // why the last reload was refused; empty when it was applied
	LostLogLines  uint64
	LateReplies   uint64 // that came when nobody waited for them any more
}

// ServerStatus is one generation of the server.
type ServerStatus struct {
	Generation int
	Pid        int
	State      string // starting, ready, draining
	Workers    []WorkerStatus
}

// WorkerStatus is one incarnation that exists, or a slot that waits for its next start.
type WorkerStatus struct {
	Incarnation   Incarnation
	Pid           int           // 0 for a goroutine
	State         string        // waiting, starting, running, ready, stopping, stuck, failed
	Reason        string        // why it is stopping or waiting
	Since         time.Duration // how long it has been in this state
	Age           time.Duration // since its start
	Restarts      int
	LastExit      string
	ConfigVersion uint64
	Jobs          int64
}
