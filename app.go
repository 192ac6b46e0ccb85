package serverengine

import (
	"fmt"
	"runtime"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/workers"
)

// App is the code of a server; what can be written into a file is [Config]. The zero value
// of each field but Worker is a working default.
//
// In a tree of several processes every one of them builds its own App: the same fields in
// the same program. What a hook leaves in a variable stays in the process it runs in.
type App struct {
	// Name tells apps of one program apart (see Init) and names them in logs. Default: the
	// program's file name.
	Name string

	// Worker makes the worker of each life, where its Run will run. Required, except for
	// spawn workers. Func makes one from a function.
	Worker workers.New

	// Readiness says when a worker may get traffic. Default: ByRun.
	Readiness workers.Readiness

	// Server makes the server's own code, once per server. The value it returns may have
	// any of the methods of ServerBeforeRun and the other Server interfaces; nil has none.
	Server func(*Server) (any, error)

	// BeforeStart is called in the server's process before each start of a worker (the
	// seed's before_fork). An error fails that start, which is then tried again by the
	// restart policy.
	BeforeStart func(Slot) error

	// AfterStart is called in the server's process once a worker exists (the seed's
	// after_start); pid is 0 for a goroutine worker.
	AfterStart func(slot Slot, pid int)

	// Spawn says which command the worker of a slot runs, with worker_type spawn. It is
	// called in the server's process before each start.
	Spawn func(Slot) (Command, error)

	// ServerStarted is called in the supervisor process once a server process exists (the
	// seed's after_start of the server module).
	ServerStarted func(pid int)

	// ShareSockets lets another program take all sockets over by sockets.TakeOver (the
	// seed's share_sockets_with_another_server), with what Server.SocketManager tells. The
	// log says when it was done: from then on there is no new address here, so stop this
	// server when the other one serves. Default: false, since every spawned command has
	// the token.
	ShareSockets bool

	// Logger is a logger of your own for the process that calls Run, with its hooks and
	// formatter (the seed's logger). Its output becomes the engine's log. Default: one in
	// the seed's format.
	Logger *logrus.Logger
}

func (a App) name() string {
	if a.Name != "" {
		return a.Name
	}
	return programName()
}

func (a App) code() workers.Code {
	return workers.Code{
		Name: a.name(), New: a.Worker, Readiness: a.Readiness,
		BeforeStart: a.BeforeStart, AfterStart: a.AfterStart, Spawn: a.Spawn,
	}
}

// check reports what makes an App unusable with a configuration.
func (a App) check(cfg Config) error {
	if err := hasProcesses(cfg, runtime.GOOS); err != nil {
		return err
	}
	if err := fitsPipes(cfg); err != nil {
		return err
	}
	if cfg.WorkerType == config.Spawn {
		if a.Spawn == nil {
			return &ConfigError{Key: "App.Spawn", Problem: "is nil, and worker_type is spawn", Hint: "set it to a function that returns the Command of a slot"}
		}
		return nil
	}
	if a.Worker == nil {
		return &ConfigError{Key: "App.Worker", Problem: "is nil", Hint: "set it to the constructor of your worker, for example serverengine.Func(work)"}
	}
	return nil
}

// hasProcesses refuses child processes where they cannot be had: Windows hands no descriptors
// on, and each start would fail.
func hasProcesses(cfg Config, system string) error {
	if system != "windows" {
		return nil
	}
	if cfg.Supervisor {
		return &ConfigError{Key: "supervisor", Value: "true", Problem: "needs child processes, which this version does not have on Windows",
			Hint: "set it to false and let a Windows service keep the program alive"}
	}
	if needsProcesses(cfg) {
		return &ConfigError{Key: "worker_type", Value: string(cfg.WorkerType), Problem: "needs child processes, which this version does not have on Windows",
			Hint: "use embedded or thread"}
	}
	return nil
}

// fitsPipes refuses a configuration that no child process could be given.
func fitsPipes(cfg Config) error {
	if !needsProcesses(cfg) && !cfg.Supervisor {
		return nil
	}
	body, err := config.Encode(cfg)
	if err != nil || len(body) <= workers.MaxConfig {
		return err
	}
	return &ConfigError{
		Key:     largestKey(cfg),
		Problem: fmt.Sprintf("makes the configuration too large for child processes: %d bytes, %d are allowed", len(body), workers.MaxConfig),
		Hint:    "put what is large into a file of its own and give its path",
	}
}

// largestKey is the user's key with the longest value.
func largestKey(cfg Config) (largest string) {
	var own map[string]any
	if err := cfg.Decode(&own); err != nil {
		return ""
	}
	longest := -1
	for key, value := range own {
		if n := len(fmt.Sprint(value)); n > longest {
			largest, longest = key, n
		}
	}
	return largest
}
