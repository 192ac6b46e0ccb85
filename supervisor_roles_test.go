//go:build unix

package serverengine_test

import (
	"errors"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["server started"] = func() {
		app := webApp()
		app.ServerStarted = func(pid int) { say("ServerStarted with pid %d", pid) }
		run(app)
	}
	roles["panicking server"] = func() {
		app := webApp()
		app.Server = func(*serverengine.Server) (any, error) { return panicking{}, nil }
		run(app)
	}
}

// panicking is a server whose code panics where nobody can recover it.
type panicking struct{}

func (panicking) BeforeRun() error {
	go func() { panic(errors.New("a goroutine of the server panics")) }()
	select {}
}
