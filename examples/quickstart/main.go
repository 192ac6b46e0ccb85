// Quickstart: an HTTP server of four worker processes on one port, and what to try with it.
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
	cfg.WorkerType, cfg.Workers = serverengine.Process, 4
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
		explain(ln.Addr().String())
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
func explain(address string) {
	top, worker := os.Getppid(), os.Getpid()
	fmt.Printf("serving on http://%s from four worker processes under pid %d; try:\n", address, top)
	fmt.Printf("  curl http://%s/             one worker answers\n", address)
	fmt.Printf("  kill -9 %d                            worker 0 is replaced at once\n", worker)
	fmt.Printf("  kill -USR1 %d                         all workers are replaced, no request fails\n", top)
	fmt.Printf("  kill -TTIN %d                         one worker more\n", top)
	fmt.Printf("  Ctrl-C, or kill %d                    stops after the requests in hand\n", top)
}
