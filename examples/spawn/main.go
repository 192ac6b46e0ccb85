// Spawn: workers that are programs of any kind. Worker 0 is a shell loop, which knows
// nothing of this library; the others are Python programs that speak its wire protocol and
// so have heartbeats, readiness, configuration and messages (see worker.py).
package main

import (
	_ "embed"
	"os"

	"github.com/serverengine/serverengine-go"
)

//go:embed worker.py
var python string

//go:embed worker.sh
var shell string

func main() {
	cfg := serverengine.Default()
	cfg.WorkerType, cfg.Workers = serverengine.Spawn, 2
	os.Exit(serverengine.Run(serverengine.App{Spawn: command}, cfg))
}

// command says what the worker of a slot runs.
func command(slot serverengine.Slot) (serverengine.Command, error) {
	if slot.ID == 0 {
		return serverengine.Command{Path: "/bin/sh", Args: []string{"-c", shell}}, nil
	}
	return serverengine.Command{Path: "python3", Args: []string{"-c", python}, Wire: true}, nil
}
