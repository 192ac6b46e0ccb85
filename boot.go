package serverengine

import (
	"errors"
	"os"
	"sync"
	"time"

	cmap "github.com/orcaman/concurrent-map"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// runTop is Run in the process that the user started, or in the daemon that it became.
func runTop(app App, source Source) int {
	if under := underInit(); os.Getpid() == 1 && !under {
		return runInit()
	}
	procbridge.CloseInheritedOnExec()
	stage := daemonStage()
	if stage.name == "session" {
		return leadSession(stage.pipe)
	}
	// Signals are caught before anything else: a HUP during the start is obeyed once there is
	// an engine, and kills nobody.
	caught, err := actors.Catch(messages.DefaultSignals())
	if err != nil {
		return complain(err)
	}
	defer caught.Release()
	procbridge.CatchPipeSignal()
	var whoStarted *caller
	if stage.name == "daemon" {
		whoStarted = newCaller(stage.pipe)
	}
	start := beginStart(caught, whoStarted)
	cfg, err := load(app, source)
	if err != nil {
		if whoStarted != nil { // who prints it
			whoStarted.tell(err, 1)
			return 1
		}
		return complain(err)
	}
	if cfg.Daemonize && stage.name == "" {
		caught.Release() // who waits for a daemon can be told to give up
		return daemonize(cfg)
	}
	ready, err := openTop(app, cfg, start, stage.name == "daemon")
	start.over()
	if err != nil {
		if whoStarted != nil { // who prints it
			whoStarted.tell(err, cfg.DaemonizeErrorExitCode)
			return cfg.DaemonizeErrorExitCode
		}
		complain(err)
		return startCode(cfg, err)
	}
	return runEngine(app, source, ready, caught, whoStarted)
}

// startCode is the exit code of a start that failed: its own key for what a daemon does.
func startCode(cfg Config, err error) int {
	var c *ConfigError
	if errors.As(err, &c) && (c.Key == "chuser" || c.Key == "chgroup" || c.Key == "pid_path") {
		return cfg.DaemonizeErrorExitCode
	}
	return 1
}

// load loads the configuration and checks it against the app. Nothing is opened yet.
func load(app App, source Source) (Config, error) {
	if source == nil {
		return Config{}, &ConfigError{Key: "source", Problem: "is nil", Hint: "give serverengine.Default() with your changes, or FromFile"}
	}
	cfg, err := config.Load(source)
	if err != nil {
		return Config{}, err
	}
	return cfg, app.check(cfg)
}

// openTop takes what the top process owns, in the order that privileges ask for: pid file
// and listening sockets as the user that started us, the log as the user that we become,
// who must be able to rotate it.
func openTop(app App, cfg Config, start *starting, daemon bool) (*opened, error) {
	if err := start.caught.Retable(signalTable(cfg)); err != nil {
		return nil, err
	}
	pid, err := writePidFile(cfg.PidPath)
	if err != nil {
		return nil, err
	}
	start.has(pid)
	h, err := newHouse(app, cfg, false)
	if err != nil {
		return nil, errors.Join(err, pid.remove())
	}
	h.pid = pid
	if err := h.settle(app, cfg, daemon); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return &opened{cfg: cfg, house: h}, nil
}

// settle becomes who the configuration says, and opens the log.
func (h *house) settle(app App, cfg Config, daemon bool) error {
	// Before privileges drop: after that a process may not name itself.
	named := nameTop(cfg)
	if err := dropPrivileges(cfg, h.give); err != nil {
		return err
	}
	if daemon {
		if err := detachOutput(); err != nil {
			return err
		}
	}
	if err := h.openLog(cfg, app.Logger, false); err != nil {
		return err
	}
	if named != nil {
		h.log.Warnf("daemon_process_name: %v", named)
	}
	return nil
}

// nameTop gives this process the name of the configuration, or the program's: a daemon was
// started by another one.
func nameTop(cfg Config) error {
	if cfg.DaemonProcessName == "" {
		return procbridge.SetComm(programName())
	}
	return procbridge.SetTitle(cfg.DaemonProcessName)
}

// openGuest opens everything for an engine in a host program.
func openGuest(app App, source Source) (*opened, error) {
	cfg, err := load(app, source)
	if err != nil {
		return nil, err
	}
	if (needsProcesses(cfg) || cfg.Supervisor) && !initialised.Load() {
		return nil, &ConfigError{Key: "worker_type", Value: string(cfg.WorkerType), Problem: "needs child processes, which this program has not prepared for",
			Hint: "call serverengine.Init(app) in the first line of main"}
	}
	if err := guestCheck(cfg); err != nil {
		return nil, err
	}
	h, err := newHouse(app, cfg, true)
	if err != nil {
		return nil, err
	}
	if err := h.openLog(cfg, app.Logger, true); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return &opened{cfg: cfg, house: h}, nil
}

// guestCheck refuses what would take a host program over.
func guestCheck(cfg Config) error {
	for key, value := range map[string]string{"daemonize": yes(cfg.Daemonize), "chuser": cfg.Chuser, "chgroup": cfg.Chgroup, "pid_path": cfg.PidPath, "daemon_process_name": cfg.DaemonProcessName} {
		if value != "" {
			return &ConfigError{Key: key, Value: value, Problem: "is for a program that calls Run", Hint: "leave it out: the engine is an actor in your program, which keeps its own process"}
		}
	}
	return nil
}

func yes(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// signalTable is the seed's table with the names that the configuration gives.
func signalTable(cfg Config) messages.Signals {
	usual := messages.DefaultSignals()
	table := messages.Signals{"TTIN": usual["TTIN"], "TTOU": usual["TTOU"]}
	for name, means := range map[string]string{
		cfg.SignalGracefulStop: "TERM", cfg.SignalImmediateStop: "QUIT",
		cfg.SignalGracefulRestart: "USR1", cfg.SignalImmediateRestart: "HUP",
		cfg.SignalReload: "USR2", cfg.SignalDetach: "INT", cfg.SignalDump: "CONT",
	} {
		table[name] = usual[means]
	}
	return table
}

// runEngine runs the engine and returns the exit code.
func runEngine(app App, source Source, ready *opened, caught *actors.Caught, whoStarted *caller) int {
	// Run makes this process's first actor system, and its registry need not be prepared
	// for thousands of writers: one shard instead of 32 saves two thirds of the start.
	cmap.SHARD_COUNT = 1
	system := newSystem(ready.house.log)
	ended := make(chan messages.Exit, 1)
	var once sync.Once
	tell := func(problem error, code int) { once.Do(func() { whoStarted.tell(problem, code) }) }
	if whoStarted != nil {
		// A server whose workers take long is up all the same, and its log says so.
		timer := time.AfterFunc(max(ready.cfg.WorkerReadyTimeout, time.Second), func() { tell(nil, 0) })
		defer timer.Stop()
	}
	system.Root.Spawn(engineProps(engineOptions{
		app: app, source: source, ready: ready, caught: caught,
		up:   func() { tell(nil, 0) },
		done: func(e messages.Exit) { ended <- e },
	}))
	exit := <-ended
	code := exit.Code
	if code == 0 { // to its caller a daemon that is not up is a failure, also after a TERM
		code = ready.cfg.DaemonizeErrorExitCode
	}
	tell(errors.New("the server ended before it was ready: "+exit.String()), code)
	return exit.Code
}
