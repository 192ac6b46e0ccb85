package serverengine

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/supervisor"
	"github.com/serverengine/serverengine-go/workers"
)

// serverOptions puts a server actor together, in the top process or in a server process.
func serverOptions(app App, code *Server, top workers.Top, log *logrus.Logger, generation int, cfg Config, c messages.Configure) supervisor.ServerOptions {
	program := ""
	if needsProcesses(cfg) {
		program = programPath
	}
	images := newImages(program)
	spawner := &workers.Spawner{Code: app.code(), Top: top, Log: log, Program: programPath, TopPid: theTop}
	return supervisor.ServerOptions{
		Generation: generation,
		Spawn: func(inc messages.Incarnation, n int, cfg config.Config, c messages.Configure) *actor.Props {
			return spawner.Props(inc, func() *procbridge.Image { return images.get(n) }, workers.Configured{
				Config: cfg, Version: c.Version, Body: c.Body, Shared: code.values(),
			})
		},
		Images: images, Timing: workers.WorkerTiming, Memory: procbridge.AnonymousMemory, Hooks: code.hooks(app.Server),
		Config: cfg, Body: c, Log: log,
	}
}

// supervisorOptions puts a supervisor actor together.
func supervisorOptions(app App, h *house, cfg Config, c messages.Configure) supervisor.SupervisorOptions {
	images := newImages(programPath)
	spawner := &workers.Spawner{Code: app.code(), Top: h, Log: h.log, Program: programPath, TopPid: theTop}
	return supervisor.SupervisorOptions{
		Spawn: func(generation, n int, cfg config.Config, c messages.Configure) *actor.Props {
			return spawner.ServerProps(generation, func() *procbridge.Image { return images.get(n) },
				workers.Configured{Config: cfg, Version: c.Version, Body: c.Body})
		},
		Images: images, Timing: workers.ServerTiming, Started: app.ServerStarted,
		Config: cfg, Body: c, Log: h.log,
	}
}
