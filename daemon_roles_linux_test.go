package serverengine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/serverengine/serverengine-go"
)

func init() {
	roles["gated"] = func() { os.Exit(serverengine.Run(webApp(), gatedSource())) }
	roles["breaks"] = func() { run(appOf(breaks)) }
}

// The files of a gated start, beside the configuration.
const (
	gateFile    = "start gate" // a pipe with a name
	loadingFile = "loading"    // has the pid of the process at the gate
	passedFile  = "passed"     // is there once one load has passed without the gate
)

// gatedSource loads the file once, and waits at a gate before the second load: so a test
// holds a daemon in the middle of its start, but not the one that starts it. Further loads
// find no gate.
func gatedSource() serverengine.Source {
	path := os.Getenv(configVar)
	file := serverengine.FromFile(path, serverengine.Default())
	beside := func(name string) string { return filepath.Join(filepath.Dir(path), name) }
	return serverengine.SourceFunc(func() (serverengine.Config, error) {
		if os.Mkdir(beside(passedFile), 0o700) == nil {
			return file.Load()
		}
		if _, err := os.Stat(beside(gateFile)); err == nil {
			err := os.WriteFile(beside(loadingFile), []byte(strconv.Itoa(os.Getpid())), 0o600)
			if err := errors.Join(err, waitAt(beside(gateFile))); err != nil {
				return serverengine.Config{}, err
			}
		}
		return file.Load()
	})
}

// waitAt waits until somebody has opened a pipe with a name and closed it again, and
// removes it.
func waitAt(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return errors.Join(err, os.Remove(path))
}

// breaks is a worker whose process dies of a mistake in the user's code, in a goroutine
// that nobody guards, in the middle of 5000 others.
func breaks(ctx context.Context, self *serverengine.Self) error {
	for range 5000 {
		go func() { <-ctx.Done() }()
	}
	self.Ready()
	self.Logger().Info("waiting to break")
	how, _ := self.Config().Get("how")
	if err := waitAt(filepath.Join(filepath.Dir(os.Getenv(configVar)), gateFile)); err != nil {
		return err
	}
	if how == "fatal" {
		return writeTwice()
	}
	go func() { panic("a mistake of the user") }()
	<-ctx.Done()
	return nil
}
