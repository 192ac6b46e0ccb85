//go:build unix

package serverengine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
)

// web is the worker of most stories: an HTTP server that has everything a worker can have,
// and misbehaves on request.
type web struct {
	self   *serverengine.Self
	end    chan func() error // for Run to do and return
	served atomic.Int64
}

func webApp() serverengine.App {
	return serverengine.App{Name: "web", Worker: func(self *serverengine.Self) (serverengine.Worker, error) {
		return &web{self: self, end: make(chan func() error)}, nil
	}}
}

func (w *web) Run(ctx context.Context, self *serverengine.Self) error {
	address, _ := self.Config().Get("address")
	if message, _ := self.Config().Get("message"); message == "broken" {
		return errors.New("this message breaks me")
	}
	ln, err := self.Listen("tcp", address.(string))
	if err != nil {
		return err
	}
	self.Logger().Infof("serving on %s", ln.Addr())
	served := make(chan error, 1)
	go func() { served <- serverengine.Serve(ctx, self, &http.Server{Handler: w.handler()}, ln) }()
	select {
	case f := <-w.end:
		return f()
	case err := <-served:
		self.Logger().WithField("served", w.served.Load()).Info("served all")
		return err
	}
}

// Reload logs what the configuration says now.
func (w *web) Reload(_ context.Context, cfg config.Config) error {
	given, _ := cfg.Get("message")
	mine, _ := w.self.Config().Get("message")
	w.self.Logger().Infof("reloaded: message %v, %v", given, mine)
	if given == "refuse" {
		return errors.New("this message can't be used")
	}
	return nil
}

func (w *web) Stop() { w.self.Logger().Info("Stop was called") }

func (w *web) Dump(out io.Writer) { fmt.Fprintf(out, "dump of web worker %d\n", w.self.ID()) }

// Receive answers the types of messages that tests send, and blocks on request.
func (w *web) Receive(ctx context.Context, m any) (any, error) {
	switch m := m.(type) {
	case greeting:
		w.self.Logger().Infof("greeted by %s", m.Name)
		return greeting{Name: fmt.Sprintf("%s, by worker %d of pid %d", m.Name, w.self.ID(), os.Getpid())}, nil
	case []byte:
		switch string(m) {
		case "fail":
			return nil, errors.New("no luck")
		case "panic":
			panic("in Receive")
		case "unknown":
			return struct{ X int }{1}, nil
		case "block":
			w.self.Logger().Info("blocking")
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return m, nil
	}
	return nil, fmt.Errorf("what is a %T", m)
}

// greeting is a registered type of message, stranger one that is not.
type (
	greeting struct{ Name string }
	stranger struct{}
)

func init() { messages.Register[greeting]("test.greeting") }

func (w *web) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		w.served.Add(1)
		message, _ := w.self.Config().Get("message")
		fmt.Fprintf(rw, "worker=%d pid=%d life=%s code=%s message=%v\n", w.self.ID(), os.Getpid(), w.self.Incarnation(), marked(), message)
	})
	mux.HandleFunc("/hold", w.hold)
	mux.HandleFunc("/slow", w.slow)
	mux.HandleFunc("/end", w.ending)
	mux.HandleFunc("/wish", func(rw http.ResponseWriter, r *http.Request) {
		w.self.Engine().Send(messages.Restart{Mode: messages.Graceful})
	})
	return mux
}

// hold answers when somebody opens the gate for writing.
func (w *web) hold(rw http.ResponseWriter, r *http.Request) {
	path := r.FormValue("gate")
	w.self.Logger().Infof("holding %s", path)
	f, err := os.Open(path)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	f.Close()
	fmt.Fprintf(rw, "held by life=%s", w.self.Incarnation())
}

// slow takes a while, in which the worker prints and logs.
func (w *web) slow(rw http.ResponseWriter, r *http.Request) {
	d, _ := time.ParseDuration(r.FormValue("for"))
	w.self.Logger().Infof("slow for %s", d)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < d; <-tick.C {
		fmt.Printf("printed to stdout %s\n", filler(512))
		fmt.Fprintf(os.Stderr, "printed to stderr %s\n", filler(512))
		w.self.Logger().Info("logged meanwhile")
	}
	fmt.Fprintf(rw, "slow answer")
}

// ending makes Run end.
func (w *web) ending(_ http.ResponseWriter, r *http.Request) {
	switch how := r.FormValue("how"); how {
	case "panic":
		w.end <- func() error { panic("as the test wanted") }
	case "fatal":
		w.end <- writeTwice
	case "return":
		w.end <- func() error { return nil }
	case "error":
		w.end <- func() error { return errors.New("as the test wanted") }
	default:
		code, _ := strconv.Atoi(how)
		w.end <- func() error { return &serverengine.ExitError{Code: code} }
	}
}

// writeTwice writes a map from two goroutines until the runtime sees it.
func writeTwice() error {
	runtime.GOMAXPROCS(4) // one thread alone would never be in the map twice
	m := map[int]int{}
	for range 4 {
		go func() {
			for i := 0; ; i++ {
				m[i%8] = i
			}
		}()
	}
	select {}
}
