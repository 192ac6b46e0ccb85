//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/serverengine/serverengine-go"
)

// served is the program that chaos torments: the quickstart, with its configuration in a
// file.
func served(file string) int {
	app := serverengine.App{Name: "served", Worker: serverengine.Func(serveHello)}
	return serverengine.Run(app, serverengine.FromFile(file, serverengine.Default()))
}

func serveHello(ctx context.Context, self *serverengine.Self) error {
	ln, err := self.Listen("tcp", address(settingsOf(self.Config())))
	if err != nil {
		return err
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "hello from worker %d, pid %d: %s\n", self.ID(), os.Getpid(), settingsOf(self.Config()).Message)
	})
	return serverengine.Serve(ctx, self, &http.Server{Handler: hello}, ln)
}
