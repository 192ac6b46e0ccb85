// Quickstart: an HTTP server of four worker processes on one port, under a supervisor, and
// what to try with it.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/serverengine/serverengine-go"
)

func main() {
	cfg := serverengine.Default()
	cfg.WorkerType, cfg.Workers, cfg.Supervisor = serverengine.Process, 4, true
	os.Exit(serverengine.Run(serverengine.App{Worker: serverengine.Func(work)}, cfg))
}

// work is the worker: it runs in each of the four worker processes.
func work(ctx context.Context, self *serverengine.Self) error {
	address := "127.0.0.1:8080"
	if a := os.Getenv("ADDRESS"); a != "" {
		address = a
	}
	ln, err := self.Listen("tcp", address) // one socket, shared by all, open over every restart
	if err != nil {
		return err
	}
	if self.ID() == 0 && self.Incarnation() == "1.0.1" {
		explain(self, ln.Addr().String())
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			time.Sleep(2 * time.Second)
		}
		fmt.Fprintf(w, "hello from worker %d, pid %d\n", self.ID(), os.Getpid())
	})
	return serverengine.Serve(ctx, self, &http.Server{Handler: hello}, ln)
}

// explain is printed once. What a worker prints becomes lines of the log.
func explain(self *serverengine.Self, address string) {
	top, server, worker := self.TopPid(), os.Getppid(), os.Getpid()
	fmt.Printf("serving on http://%s from four worker processes; the pid for signals is %d; try:\n", address, top)
	try := func(what, why string) { fmt.Printf("  %-36s %s\n", what, why) }
	try("curl http://"+address+"/", "one worker answers")
	try(fmt.Sprintf("kill -9 %d", worker), "worker 0 is replaced at once")
	try(fmt.Sprintf("kill -9 %d", server), "so is the server with all its workers; the port stays open")
	try(fmt.Sprintf("kill -USR1 %d", top), "all workers are replaced, no request fails")
	try(fmt.Sprintf("kill -INT %d", top), "live restart: a new server takes over, the old one finishes")
	try(fmt.Sprintf("kill -TTIN %d", top), "one worker more")
	try(fmt.Sprintf("Ctrl-C, or kill %d", top), "stops after the requests in hand")
}
