package config

import (
	"runtime"
	"time"
)

// Never is the duration that means "no limit" or "never" in the keys that
// allow it; every other negative duration means the same there.
const Never = time.Duration(-1)

// Default returns the configuration every other one starts from. All values
// are in force as they stand.
func Default() Config {
	c := Config{
		SigdumpDir:             "/tmp",
		Chumask:                NoUmask,
		DaemonizeErrorExitCode: 1,
		CommandSender:          SenderSignal,
		OrphanTimeout:          30 * time.Second,
		StopTimeout:            Never,

		EnableDetach:       true,
		ServerRestartWait:  time.Second,
		ServerDetachWait:   10 * time.Second,
		LiveRestartOrder:   NewFirst,
		ServerDrainTimeout: Never,
		MaxGenerations:     3,

		ServerHeartbeatInterval:              time.Second,
		ServerHeartbeatTimeout:               180 * time.Second,
		ServerGracefulKillInterval:           15 * time.Second,
		ServerGracefulKillIntervalIncrement:  10 * time.Second,
		ServerGracefulKillTimeout:            Never,
		ServerImmediateKillInterval:          10 * time.Second,
		ServerImmediateKillIntervalIncrement: 10 * time.Second,
		ServerImmediateKillTimeout:           600 * time.Second,

		WorkerType:             Embedded,
		Workers:                1,
		StartWorkerDelayRand:   0.2,
		RestartStrategy:        StrategyAuto,
		WorkerSchedulingPolicy: PolicyAuto,
		MaxSurge:               1,
		WorkerDrainTimeout:     Never,
		WorkerReadyAfter:       time.Second,
		WorkerReadyTimeout:     60 * time.Second,
		WorkerProgressTimeout:  60 * time.Second,
		DrainWait:              100 * time.Millisecond,
		RestartBackoff:         500 * time.Millisecond,
		RestartBackoffMax:      30 * time.Second,
		WorkerStableAfter:      10 * time.Second,
		MaxRestarts:            10,
		RestartWindow:          60 * time.Second,
		OnRestartLimit:         LimitBackoff,
		SupervisionStrategy:    OneForOne,
		RecycleJitter:          0.1,
		WorkerQueueSize:        1024,
		WorkerMaxMessageSize:   1 << 20,

		WorkerChumask:                        NoUmask,
		WorkerHeartbeatInterval:              time.Second,
		WorkerHeartbeatTimeout:               180 * time.Second,
		WorkerGracefulKillInterval:           15 * time.Second,
		WorkerGracefulKillIntervalIncrement:  10 * time.Second,
		WorkerGracefulKillTimeout:            600 * time.Second,
		WorkerImmediateKillInterval:          10 * time.Second,
		WorkerImmediateKillIntervalIncrement: 10 * time.Second,
		WorkerImmediateKillTimeout:           600 * time.Second,

		LogLevel:      "debug",
		LogRotateAge:  5,
		LogRotateSize: 1 << 20,
		LogStdout:     true,
		LogStderr:     true,
		LogFormat:     FormatText,

		SignalGracefulStop:     "TERM",
		SignalImmediateStop:    "QUIT",
		SignalGracefulRestart:  "USR1",
		SignalImmediateRestart: "HUP",
		SignalReload:           "USR2",
		SignalDetach:           "INT",
		SignalDump:             "CONT",

		born: true,
	}
	if runtime.GOOS == "windows" { // it has no signals to send
		c.CommandSender = SenderPipe
	}
	return c
}
