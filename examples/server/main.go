// Server is the counterpart of ServerEngine's example program: a TCP server that answers
// each connection with one line, and whose workers end on demand, to try what happens then.
//
//	go build -o server ./examples/server
//	./server -t process -w 4        a daemon; with -f it stays in the foreground
//	nc 127.0.0.1 12345
//	tail -f myserver.log
//	kill -TERM $(cat myserver.pid)
//
// It logs to myserver.log and has its pid in myserver.pid, both in the working directory.
package main

import (
	"os"

	"github.com/serverengine/serverengine-go"
)

// main runs in every process of the tree: a worker process reads the same flags. Only a
// spawned command, which is no process of the library's, is something else.
func main() {
	if text := os.Getenv(commandEnv); text != "" {
		os.Exit(command(text))
	}
	o := parseFlags(os.Args[1:])
	app := serverengine.App{Name: "myserver", Worker: newWorker, Spawn: spawn, Server: newServer}
	os.Exit(serverengine.Run(app, o.source()))
}

// server is what runs in the server process.
type server struct{ *serverengine.Server }

func newServer(s *serverengine.Server) (any, error) { return server{s}, nil }

// BeforeRun opens the socket before any worker asks for it, so that a busy port is one
// error at the start.
func (s server) BeforeRun() error {
	set, err := settingsOf(s.Config())
	if err != nil {
		return err
	}
	l, err := s.Listen("tcp", set.address())
	if err != nil {
		return err
	}
	s.Logger().Infof("pid %d listens on %s", os.Getpid(), l.Addr())
	return l.Close() // a copy: the socket stays open
}

// AfterRun is called when no worker is left.
func (s server) AfterRun() { s.Logger().Info("Server stopped.") }
