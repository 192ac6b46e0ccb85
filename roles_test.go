//go:build unix

package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// roles are the programs that the test binary plays.
// Files with roles of their own add them in their init.
var roles = map[string]func(){}

func init() {
	for name, play := range map[string]func(){
		"web":            func() { run(webApp()) },
		"hooks":          func() { run(hooksApp()) },
		"noisy":          func() { run(appOf(noisy)) },
		"ends":           func() { run(appOf(ends)) },
		"no worker":      func() { run(serverengine.App{}) },
		"zero config":    func() { os.Exit(serverengine.Run(webApp(), serverengine.Config{WorkerType: "process"})) },
		"guest, no Init": playGuest,
		"idle":           func() { os.Exit(0) },
		"looks around":   func() { run(appOf(looksAround)) },
	} {
		roles[name] = play
	}
}

func appOf(f func(context.Context, *serverengine.Self) error) serverengine.App {
	return serverengine.App{Worker: serverengine.Func(f)}
}

// run is the main of most roles.
func run(app serverengine.App) {
	os.Exit(serverengine.Run(app, serverengine.FromFile(os.Getenv(configVar), serverengine.Default())))
}

// ends is a worker that ends as the configuration says: with an exit code, or an error.
func ends(ctx context.Context, self *serverengine.Self) error {
	if mine, ok := self.Config().Get("only_slot"); ok && mine != self.ID() {
		<-ctx.Done()
		return nil
	}
	if code, ok := self.Config().Get("exit_with"); ok {
		return &serverengine.ExitError{Code: code.(int), Err: errors.New("as configured")}
	}
	return errors.New("the worker has had enough")
}

// noisy prints what pipes are bad at, on both streams: long lines, and a lot without any.
func noisy(ctx context.Context, self *serverengine.Self) error {
	for i, f := range []*os.File{os.Stdout, os.Stderr} {
		for _, size := range []int{64 << 10, 64<<10 + 1, 200 << 10} {
			fmt.Fprintf(f, "line of %d begins %s ends\n", size, filler(size))
		}
		fmt.Fprintf(f, "flood begins %s", filler(10<<20))
		self.Logger().Infof("stream %d is written", i)
	}
	<-ctx.Done()
	fmt.Println(" flood ends")
	fmt.Fprintln(os.Stderr, " flood ends")
	return nil
}

func filler(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i%26)
	}
	return b
}

// looksAround logs whose code runs in its process.
func looksAround(ctx context.Context, self *serverengine.Self) error {
	self.Ready()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	self.Logger().WithFields(logrus.Fields{"stacks": string(stacks), "mallocs": m.Mallocs}).Info("these run here")
	<-ctx.Done()
	return nil
}

// playGuest is a host program that forgot Init.
func playGuest() {
	system := actor.NewActorSystem()
	cfg := serverengine.Default()
	cfg.WorkerType = serverengine.Process
	ended := make(chan messages.ServerExited, 1)
	system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(messages.ServerExited); ok {
			ended <- e
		}
	})
	if _, err := system.Root.SpawnNamed(serverengine.Props(webApp(), cfg), "engine"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(96)
	}
	os.Exit((<-ended).Exit.Code)
}
