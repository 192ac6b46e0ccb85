package messages

// Signals says which command a signal means. Keys are names without SIG.
type Signals map[string]Command

// DefaultSignals is the seed's table for the top process. TTIN and TTOU are ours.
func DefaultSignals() Signals {
	return Signals{
		"TERM": Stop{Mode: Graceful, Reason: "TERM"},
		"QUIT": Stop{Mode: Immediate, Reason: "QUIT"},
		"USR1": Restart{Mode: Graceful},
		"HUP":  Restart{Mode: Immediate},
		"USR2": Reload{},
		"INT":  Interrupt{},
		"CONT": Dump{},
		"TTIN": ScaleBy{Delta: +1},
		"TTOU": ScaleBy{Delta: -1},
	}
}

// ServerSignals is the table for the pid of a server process under a supervisor: a stop is
// its own business, and the supervisor starts another; what concerns all of the tree is a
// wish that the top obeys.
func ServerSignals() Signals {
	table := DefaultSignals()
	table["INT"] = Stop{Mode: Graceful, Reason: "INT"}
	return table
}

// WorkerSignals is the seed's table for a worker process's own pid. QUIT and HUP are not
// in it: the first keeps Go's default (goroutine dump, exit 2), the second the kernel's.
func WorkerSignals() Signals {
	return Signals{
		"TERM": Stop{Mode: Graceful, Reason: "TERM"},
		"INT":  Stop{Mode: Graceful, Reason: "INT"},
		"USR1": Stop{Mode: Graceful, Reason: "USR1"},
		"USR2": Reload{},
		"CONT": Dump{},
	}
}

// CommandWords is the seed's vocabulary of command_sender: pipe, one word a line on stdin.
func CommandWords() map[string]Command {
	return map[string]Command{
		"GRACEFUL_STOP":     Stop{Mode: Graceful, Reason: "command pipe"},
		"IMMEDIATE_STOP":    Stop{Mode: Immediate, Reason: "command pipe"},
		"GRACEFUL_RESTART":  Restart{Mode: Graceful},
		"IMMEDIATE_RESTART": Restart{Mode: Immediate},
		"RELOAD":            Reload{},
		"DETACH":            Interrupt{},
		"DUMP":              Dump{},
	}
}
