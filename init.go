package serverengine

import (
	"fmt"
	"os"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
)

// As process 1 of a container this program has two tasks that don't mix: to be a server,
// and to reap every process that loses its parent. So process 1 starts the program once
// more, and is only an init: it reaps, passes signals on and ends as the top does. Both stay
// in one process group, the terminal's if there is one.

// initEnv tells the top that an init of ours is above it.
const initEnv = "SERVERENGINE_INIT"

// underInit is asked once: what this process starts is no top of an init. Sockets that
// process 1 was given are this process's, which has inherited them.
func underInit() bool {
	under := os.Getenv(initEnv) != ""
	_ = os.Unsetenv(initEnv)
	if under && os.Getenv("LISTEN_PID") == "1" {
		sockets.AnnouncedToParent()
	}
	return under
}

// forwarded are all signals that can mean something to the top: it alone knows which do.
var forwarded = []string{
	"TERM", "QUIT", "USR1", "HUP", "USR2", "INT", "CONT", "TTIN", "TTOU",
	"WINCH", "ALRM", "VTALRM", "TSTP", "ABRT", "IO", "PWR", "XCPU",
}

func runInit() int {
	o := procbridge.InitOptions{Start: func() (int, error) {
		return procbridge.StartDetached(procbridge.Detached{
			Args: os.Args, Env: append(os.Environ(), initEnv+"=1"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		})
	}}
	for _, name := range forwarded {
		if s, err := procbridge.SignalByName(name); err == nil {
			o.Forward = append(o.Forward, s)
		}
	}
	o.Ours = func(s os.Signal) bool { return procbridge.SignalName(s) == "INT" && actors.AtTerminal() }
	code, err := procbridge.ServeInit(o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: as process 1: %v\n", programName(), err)
	}
	return code
}
