//go:build linux

package main

import (
	"os"
	"slices"
	"time"

	"github.com/serverengine/serverengine-go"
)

// settings are the keys of the programs' own: a story sets them beside ServerEngine's, and
// original.rb reads the same.
type settings struct {
	Message     string  `yaml:"message" json:"message"`                 // what a worker says when it runs and reloads
	Finish      float64 `yaml:"my_finish" json:"my_finish"`             // seconds that a worker needs to finish after a stop
	Deaf        bool    `yaml:"my_deaf" json:"my_deaf"`                 // the worker ignores a graceful stop
	IgnoresQuit bool    `yaml:"my_ignores_quit" json:"my_ignores_quit"` // a spawned command ignores QUIT as well
	EndAfter    float64 `yaml:"my_end_after" json:"my_end_after"`       // seconds after which a worker ends by itself; 0 = it does not
	EndCode     int     `yaml:"my_end_code" json:"my_end_code"`         // with which exit code
	EndWorker   int     `yaml:"my_end_worker" json:"my_end_worker"`     // which one; -1 = each
	EndOnce     bool    `yaml:"my_end_once" json:"my_end_once"`         // only in its first life
	Hang        bool    `yaml:"my_hang" json:"my_hang"`                 // the first life of the worker makes no progress
	Socket      string  `yaml:"my_socket" json:"my_socket"`             // which one: server, manager, unix, udp, http; empty = none
	Port        int     `yaml:"my_port" json:"my_port"`
	Path        string  `yaml:"my_path" json:"my_path"`             // of the unix socket
	Prints      bool    `yaml:"my_prints" json:"my_prints"`         // print a line to stdout and one to stderr
	Levels      bool    `yaml:"my_levels" json:"my_levels"`         // log a line of each level
	Burst       int     `yaml:"my_burst" json:"my_burst"`           // log so many lines of 100 bytes
	Logger      bool    `yaml:"my_logger" json:"my_logger"`         // a logger of the program's own
	BadReload   bool    `yaml:"my_bad_reload" json:"my_bad_reload"` // the worker's reload raises
	Asks        string  `yaml:"my_asks" json:"my_asks"`             // what worker 0 asks of its server: stop, restart
	WaitsFor    int     `yaml:"my_waits_for" json:"my_waits_for"`   // who asks or ends by itself waits until this worker runs; -1 = nobody
	Jobs        bool    `yaml:"my_jobs" json:"my_jobs"`             // the worker does a job every 20 ms
	Memory      int     `yaml:"my_memory" json:"my_memory"`         // megabytes that the worker's first life holds
}

// noSettings are those of a file that has none.
func noSettings() settings { return settings{EndWorker: -1, WaitsFor: -1} }

func settingsOf(cfg serverengine.Config) settings {
	s := noSettings()
	if err := cfg.Decode(&s); err != nil {
		say("failed", -1, "error", err)
	}
	return s
}

// ends says when a worker ends by itself; ok is false if it does not.
func (s settings) ends(worker int, firstLife bool) (after time.Duration, ok bool) {
	if s.EndAfter <= 0 || s.EndWorker >= 0 && s.EndWorker != worker || s.EndOnce && !firstLife {
		return 0, false
	}
	return seconds(s.EndAfter), true
}

// await waits for the worker that this one waits for.
func (s settings) await() {
	if s.WaitsFor < 0 {
		return
	}
	err := until(patience, func() (bool, error) {
		marks, err := readMarks(os.Getenv(marksEnv))
		return slices.ContainsFunc(marks, func(m mark) bool { return m.kind == "run" && m.worker == s.WaitsFor }), err
	})
	if err != nil {
		say("failed", -1, "error", err)
	}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
