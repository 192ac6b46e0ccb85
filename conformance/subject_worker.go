//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/messages"
)

// worker is the same for the types embedded, thread and process.
type worker struct{ self *serverengine.Self }

func newWorker(self *serverengine.Self) (serverengine.Worker, error) {
	say("initialize", self.ID())
	return worker{self}, nil
}

// Stop is told once, at a graceful stop.
func (w worker) Stop() { say("stop", w.self.ID()) }

func (w worker) Reload(_ context.Context, cfg serverengine.Config) error {
	set := settingsOf(cfg)
	if set.BadReload {
		return errors.New("my reload fails")
	}
	say("reload", w.self.ID(), "message", set.Message)
	return nil
}

// Run works until it is told to stop or has had enough.
func (w worker) Run(ctx context.Context, self *serverengine.Self) error {
	set := settingsOf(self.Config())
	accepted, err := w.listen(ctx, set)
	if err != nil {
		say("failed", self.ID(), "error", err)
		return err
	}
	say("run", self.ID(), "message", set.Message, "umask", umask(), "gomaxprocs", runtime.GOMAXPROCS(0))
	speak(set, self.Logger())
	w.ask(set)
	w.work(ctx, set)
	if set.Hang {
		w.hang(ctx)
	}
	if code, ended := w.await(ctx, set); ended {
		return &serverengine.ExitError{Code: code}
	}
	accepted.Wait()
	time.Sleep(seconds(set.Finish)) // the work in hand
	say("done", self.ID())
	return nil
}

// await waits for the stop, or for the moment at which this worker ends by itself.
func (w worker) await(ctx context.Context, set settings) (code int, ended bool) {
	var enough <-chan time.Time
	if after, ok := set.ends(w.self.ID(), w.firstLife()); ok {
		set.await()
		enough = time.After(after)
	}
	stop := ctx.Done()
	if set.Deaf {
		stop = nil
	}
	select {
	case <-enough:
		return set.EndCode, true
	case <-stop:
		return 0, false
	}
}

func (w worker) firstLife() bool {
	return strings.HasPrefix(w.self.Incarnation(), "1.") && strings.HasSuffix(w.self.Incarnation(), ".1")
}

// hang is a worker whose process lives and whose own code has come to a halt. Only the
// first life does it.
func (w worker) hang(ctx context.Context) {
	w.self.Beat()
	if w.firstLife() {
		var mu sync.Mutex
		mu.Lock()
		mu.Lock()
	}
	go func() {
		for serverengine.Sleep(ctx, 200*time.Millisecond) {
			w.self.Beat()
		}
	}()
}

// ask asks the server for something, from worker 0's first life.
func (w worker) ask(set settings) {
	if w.self.ID() != 0 || !w.firstLife() {
		return
	}
	if set.Asks != "" {
		set.await()
	}
	switch set.Asks {
	case "stop":
		w.self.Engine().Send(messages.Stop{Mode: messages.Graceful, Reason: "a worker asks"})
	case "restart":
		w.self.Engine().Send(messages.Restart{Mode: messages.Graceful})
	}
}

// work does jobs and holds memory.
func (w worker) work(ctx context.Context, set settings) {
	if set.Jobs {
		go func() {
			for serverengine.Sleep(ctx, 20*time.Millisecond) {
				w.self.Done()
			}
		}()
	}
	if set.Memory > 0 && w.firstLife() {
		held := make([]byte, set.Memory<<20)
		for i := range held {
			held[i] = 1 // only what was written to is memory
		}
		go func() {
			<-ctx.Done()
			runtime.KeepAlive(held)
		}()
	}
}

// listen answers connections on the shared socket, each with one line.
func (w worker) listen(ctx context.Context, set settings) (*sync.WaitGroup, error) {
	var accepted sync.WaitGroup
	var l net.Listener
	var err error
	switch set.Socket { // all are closed when the worker is told to stop
	case "":
		return &accepted, nil
	case "udp":
		return &accepted, w.listenUDP(&accepted, set)
	case "unix":
		l, err = w.self.Listen("unix", set.Path)
	default:
		l, err = w.self.Listen("tcp", address(set))
	}
	if err != nil {
		return nil, err
	}
	if set.Socket == "http" {
		accepted.Go(func() { w.serve(ctx, l) })
		return &accepted, nil
	}
	accepted.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			answer(c, w.self.ID())
		}
	})
	return &accepted, nil
}

func (w worker) serve(ctx context.Context, l net.Listener) {
	hello := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprintf(rw, "%d %d\n", w.self.ID(), os.Getpid()) })
	if err := serverengine.Serve(ctx, w.self, &http.Server{Handler: hello}, l); err != nil {
		say("failed", w.self.ID(), "error", err)
	}
}

func (w worker) listenUDP(accepted *sync.WaitGroup, set settings) error {
	pc, err := w.self.ListenPacket("udp", address(set))
	if err != nil {
		return err
	}
	accepted.Go(func() {
		for {
			_, from, err := pc.ReadFrom(make([]byte, 100))
			if err != nil {
				return
			}
			_, _ = fmt.Fprintf(packets{pc, from}, "%d %d\n", w.self.ID(), os.Getpid()) // the client says what it missed
		}
	})
	return nil
}

// packets writes each text as a packet to one peer.
type packets struct {
	net.PacketConn
	to net.Addr
}

func (p packets) Write(b []byte) (int, error) { return p.WriteTo(b, p.to) }

func answer(c net.Conn, worker int) {
	_, _ = fmt.Fprintf(c, "%d %d\n", worker, os.Getpid()) // the client says what it missed
	_ = c.Close()
}

// speak logs and prints what a story asks for.
func speak(set settings, log *logrus.Entry) {
	if set.Prints {
		fmt.Println("hello-stdout")
		fmt.Fprintln(os.Stderr, "hello-stderr")
	}
	if set.Levels {
		for _, level := range []logrus.Level{logrus.TraceLevel, logrus.DebugLevel, logrus.InfoLevel, logrus.WarnLevel, logrus.ErrorLevel, logrus.FatalLevel} {
			log.Logf(level, "hello-%s", strings.Replace(level.String(), "warning", "warn", 1))
		}
	}
	for i := range set.Burst {
		log.Infof("line %d %s", i, strings.Repeat("x", 60))
	}
}

func umask() string {
	old := syscall.Umask(0)
	syscall.Umask(old)
	return fmt.Sprintf("%03o", old)
}
