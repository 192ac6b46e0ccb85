//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// selfEnv is the path of this program, for those that spawn it as a command.
const selfEnv = "CONFORMANCE_SELF"

// settingsEnv holds the settings of a spawned command, as JSON.
const settingsEnv = "CONFORMANCE_SETTINGS"

// subject is the program that the stories are about, written as a user of the library
// would: it reads a configuration file and marks what happens to it. original.rb is its
// counterpart.
func subject(file string) int {
	app := serverengine.App{
		Name: "subject", Worker: newWorker, Server: newServer, Spawn: spawn,
		BeforeStart:   func(s serverengine.Slot) error { say("before_fork", s.ID); return nil },
		AfterStart:    func(s serverengine.Slot, pid int) { say("after_start", s.ID, "child", pid) },
		ServerStarted: func(pid int) { say("server_started", -1, "child", pid) },
	}
	source := serverengine.FromFile(file, serverengine.Default())
	if cfg, err := source.Load(); err == nil && settingsOf(cfg).Logger {
		app.Logger = logrus.New()
		app.Logger.Formatter = mine{}
	}
	return serverengine.Run(app, source)
}

// mine is a format of the program's own.
type mine struct{}

func (mine) Format(e *logrus.Entry) ([]byte, error) {
	return fmt.Appendf(nil, "mine: %s\n", e.Message), nil
}

// server is what runs in the server process.
type server struct{ *serverengine.Server }

func newServer(s *serverengine.Server) (any, error) { return server{s}, nil }

func (s server) BeforeRun() error {
	set := settingsOf(s.Config())
	if set.Socket == "server" {
		l, err := s.Listen("tcp", address(set))
		if err != nil {
			return err
		}
		_ = l.Close() // a copy: the socket stays open for the workers
	}
	say("before_run", -1)
	return nil
}

func (s server) AfterRun() { say("after_run", -1) }

func (s server) ReloadConfig(cfg serverengine.Config) error {
	say("server_reload", -1, "message", settingsOf(cfg).Message)
	return nil
}

func (s server) Stop(m messages.Mode)    { say("server_stop", -1, "mode", m) }
func (s server) Restart(m messages.Mode) { say("server_restart", -1, "mode", m) }

// spawn says what a spawn worker runs: this file, as a program that knows nothing of the
// library. The original spawns the same.
func spawn(slot serverengine.Slot) (serverengine.Command, error) {
	text, err := json.Marshal(settingsOf(slot.Config))
	if err != nil {
		return serverengine.Command{}, err
	}
	return serverengine.Command{
		Path: os.Getenv(selfEnv), Args: []string{"spawned", strconv.Itoa(slot.ID)}, Env: []string{settingsEnv + "=" + string(text)},
	}, nil
}

func address(s settings) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }
