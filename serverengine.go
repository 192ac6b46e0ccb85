package serverengine

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/workers"
)

// What users name, from the packages below.
type (
	// Config is the configuration: data only. It starts from Default.
	Config = config.Config
	// ConfigError is a mistake in the configuration or in an App.
	ConfigError = config.ConfigError
	// ConfigErrors is a list of them.
	ConfigErrors = config.ConfigErrors
	// Source loads a configuration, again on each reload. A Config is one.
	Source = config.Source
	// SourceFunc makes a Source from a function (the seed's block).
	SourceFunc = config.SourceFunc
	// Worker is what a user implements.
	Worker = workers.Worker
	// Self is what a worker knows of itself.
	Self = workers.Self
	// Slot is a worker's place, as hooks see it.
	Slot = workers.Slot
	// Command is what a spawn worker runs.
	Command = workers.Command
	// StartError says why a child process could not be started.
	StartError = procbridge.StartError
	// ExitError makes Run's return an exit with a code.
	ExitError = workers.ExitError
	// StopCause is the cause of a worker's cancelled context.
	StopCause = workers.StopCause
)

// The worker types.
const (
	Embedded = config.Embedded
	Thread   = config.Thread
	Process  = config.Process
	Spawn    = config.Spawn
)

// When a worker may get traffic.
const (
	ByRun  = workers.ByRun
	ByCall = workers.ByCall
)

// Never is a duration that never passes, where a key allows it.
const Never = config.Never

// Default is the configuration that every other one starts from.
func Default() Config { return config.Default() }

// FromFile is a Source that merges a YAML file over base, again on each reload.
func FromFile(path string, base Config) Source { return config.FromFile(path, base) }

// Func makes a worker constructor of a function.
func Func(run func(ctx context.Context, self *Self) error) workers.New { return workers.Func(run) }

// Serve runs an http.Server on a listener from Self, and stops it without failing a request.
func Serve(ctx context.Context, self *Self, srv *http.Server, l net.Listener) error {
	return workers.Serve(ctx, self, srv, l)
}

// ServeTLS is Serve with TLS and HTTP/2, as http.Server's ServeTLS: the files may be "" if
// srv.TLSConfig has the certificates.
func ServeTLS(ctx context.Context, self *Self, srv *http.Server, l net.Listener, certFile, keyFile string) error {
	return workers.ServeTLS(ctx, self, srv, l, certFile, keyFile)
}

// Sleep waits for d, or until ctx is cancelled. It reports whether the whole time has
// passed: the loop of a periodic worker is for serverengine.Sleep(ctx, d) { … }.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Run runs the server until it has stopped and returns its exit code, for os.Exit:
//
//	os.Exit(serverengine.Run(app, cfg))
//
// The program's main runs in every process of the tree, up to this call, which never
// returns in a child: put what belongs to one process only behind it or into a hook.
//
// Run takes the process over: signals, and with a log file stdout and stderr. A mistake in
// the configuration is printed to stderr, and the code is 1. Call it once, from main.
func Run(app App, source Source) int {
	enterRole(app)
	return runTop(app, source)
}

// Init lets a program that uses Props have worker processes. Call it in the first line of
// main, with all apps that the program gives to Props: in a child process it runs the
// worker and never returns.
func Init(apps ...App) {
	enterRole(apps...)
	initialised.Store(true)
}

// Props is the engine as an actor of your own system, to be spawned once:
//
//	pid, err := system.Root.SpawnNamed(serverengine.Props(app, source), "engine")
//
// Send it the commands of package messages. A request of messages.Reload is answered by
// messages.ConfigApplied or messages.ConfigRefused, one of messages.GetStatus by
// messages.Status, one of messages.Ask by the worker's reply or an error. All its events
// are published on the system's EventStream; the last is messages.ServerExited, after
// which the actor ends. A mistake in the configuration is logged, and reported in the
// same way.
//
// The engine does not take the program over: signals, privileges, the pid file and the
// process's own output stay the host's. Worker processes need Init.
func Props(app App, source Source) *actor.Props {
	return engineProps(engineOptions{app: app, source: source, guest: true})
}

func programName() string { return filepath.Base(os.Args[0]) }
