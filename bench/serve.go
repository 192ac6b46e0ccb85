package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/sockets"
)

const greeting = "hello\n"

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, greeting) // who left gets nothing
})

// web is the worker: an HTTP server that tells its address.
type web struct{ address atomic.Pointer[string] }

func webApp() serverengine.App {
	return serverengine.App{Name: "web", Worker: func(*serverengine.Self) (serverengine.Worker, error) { return &web{}, nil }}
}

func (w *web) Run(ctx context.Context, self *serverengine.Self) error {
	ln, err := self.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := ln.Addr().String()
	w.address.Store(&address)
	return serverengine.Serve(ctx, self, &http.Server{Handler: hello}, ln)
}

// Receive answers with the address. A worker that is ready has one.
func (w *web) Receive(context.Context, any) (any, error) { return []byte(*w.address.Load()), nil }

// serveBare is the same program without the library, on a descriptor it inherited.
func serveBare() int {
	ln, err := net.FileListener(os.NewFile(givenFile, "listener"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() { _ = (&http.Server{Handler: hello}).Serve(ln) }() // it ends with the process
	if err := sayReady(); err != nil {
		return 1
	}
	awaitParent()
	return 0
}

// serve compares requests per second under the same load, from this process.
func serve(o options, r *report) error {
	for _, workers := range []int{1, 2, 4} {
		if err := compareServers(o, r, workers); err != nil {
			return err
		}
	}
	return comparePinned(o, r)
}

// compareServers compares Serve under the engine with as many processes that share one
// bare descriptor and have as many threads each.
func compareServers(o options, r *report, workers int) error {
	ours, err := startWeb(o, workers, false)
	if err != nil {
		return err
	}
	floor, err := startBareWeb(workers, share(workers))
	if err != nil {
		return err
	}
	for _, keep := range []bool{true, false} {
		mode := "a connection per request"
		if keep {
			mode = "keep-alive"
		}
		err := compareLoad(o, r, ours.load(keep), floor.load(keep), served{
			name:  fmt.Sprintf("serve, workers %d, %s", workers, mode),
			floor: "processes that share a descriptor",
			ours:  "Serve",
			bound: o.atLeast(0.97, 0.8),
			loads: loads,
		})
		if err != nil {
			return err
		}
	}
	return errors.Join(floor.stop(), ours.stop())
}

// comparePinned compares four workers, each with a socket of its own, with one process, and
// so four bare processes with a socket each. The clients are wrk, where it is installed, in
// whose terms the bound is; ours need as much CPU time as the servers.
func comparePinned(o options, r *report) error {
	wrk := findWrk()
	limit, name, n := o.atLeast(0.95, 0.75), ", clients: wrk", 1
	if wrk == "" {
		limit, name, n = o.atLeast(0, 0), ", clients: the bench's own (no bound: install wrk)", loads
	}
	one, err := startBareWeb(1, nil)
	if err != nil {
		return err
	}
	floor := one.load(false)
	floor.wrk = wrk
	against := func(who string, ours *load, b bound) error {
		ours.wrk = wrk
		return compareLoad(o, r, ours, floor, served{
			name:  "serve, 4 " + who + " with a socket each against 1 process, a connection per request" + name,
			floor: "one process", ours: who, bound: b, loads: n,
		})
	}
	ours, err := startWeb(o, 4, true)
	if err != nil {
		return err
	}
	if err := errors.Join(against("workers", ours.load(false), limit), ours.stop()); err != nil {
		return err
	}
	bare, err := startPinnedBare(4)
	if err != nil {
		return err
	}
	return errors.Join(against("bare processes", bare.load(false), o.atLeast(0, 0)), bare.stop(), one.stop())
}

// loads is how many short loads on each side make one pair: what else the machine does
// meanwhile then hits both sides.
const loads = 5

// served says what a comparison of two servers is about.
type served struct {
	name, floor, ours string
	bound             bound
	loads             int // in a pair
}

// compareLoad runs both loads in turn. The first ones only warm up.
func compareLoad(o options, r *report, ours, floor *load, s served) error {
	if _, err := interleave(1, ours.run, floor.run); err != nil {
		return err
	}
	ours.cpu, floor.cpu = nil, nil
	p, err := interleave(s.loads*o.pairs(20, 5), ours.run, floor.run)
	if err != nil {
		return err
	}
	p, cpu := p.means(s.loads), (&pairs{ours.cpu, floor.cpu}).means(s.loads)
	r.say("  %s", s.name)
	r.side("  floor: "+s.floor, "requests/s", p.floor)
	r.side("  ours: "+s.ours, "requests/s", p.ours)
	r.ratio(s.name, p.ratios(), s.bound)
	if median(cpu.floor) > 0 {
		low, high := interval(cpu.ratios())
		r.say("    their CPU time per request: %.3f times the floor's %.1f µs, 95 %% interval %.3f to %.3f",
			median(cpu.ratios()), median(cpu.floor), low, high)
	}
	return nil
}

// webTree is an engine with web workers.
type webTree struct {
	*tree
	address string
}

func (w *webTree) load(keep bool) *load {
	return &load{address: w.address, pids: slices.Collect(maps.Values(w.pids)), keep: keep}
}

func startWeb(o options, workers int, pinned bool) (*webTree, error) {
	t, err := startEngine(o.dir, webApp(), func(c *serverengine.Config) {
		c.WorkerType, c.Workers, c.SocketReuseport = serverengine.Process, workers, pinned
	})
	if err != nil {
		return nil, err
	}
	if err := t.awaitServer(); err != nil {
		return nil, err
	}
	answer, err := t.ask(0, []byte{})
	if err != nil {
		return nil, err
	}
	address, ok := answer.([]byte)
	if !ok {
		return nil, fmt.Errorf("the worker answered %v", answer)
	}
	return &webTree{t, string(address)}, nil
}

// bareWeb are processes that share one listening descriptor, or have one each.
type bareWeb struct {
	address  string
	owner    *sockets.Server // of one each, else nil
	children []*bareChild
}

func (w *bareWeb) load(keep bool) *load {
	l := &load{address: w.address, keep: keep}
	for _, c := range w.children {
		l.pids = append(l.pids, c.cmd.Process.Pid)
	}
	return l
}

// startBareWeb opens the socket, hands it down and keeps no copy.
func startBareWeb(processes int, env []string) (*bareWeb, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	file, err := ln.(*net.TCPListener).File()
	if err := errors.Join(err, ln.Close()); err != nil {
		return nil, err
	}
	defer file.Close()
	w := &bareWeb{address: ln.Addr().String()}
	for range processes {
		if err := w.start(env, file); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// startPinnedBare starts processes without the library, each on a socket like that of a pinned
// worker.
func startPinnedBare(processes int) (*bareWeb, error) {
	server := sockets.NewServer(sockets.Options{ReusePort: true})
	if err := server.SetSlots(processes); err != nil {
		return nil, err
	}
	w := &bareWeb{address: "127.0.0.1:0", owner: server}
	for slot := range processes {
		ln, err := server.Listen("tcp", w.address, sockets.ListenOptions{Slot: slot})
		if err != nil {
			return nil, err
		}
		w.address = ln.Addr().String()
		file, err := ln.(*net.TCPListener).File()
		if err := errors.Join(err, ln.Close()); err != nil {
			return nil, err
		}
		err = errors.Join(w.start(share(processes), file), file.Close())
		if err != nil {
			return nil, err
		}
	}
	return w, nil
}

// start adds a process on the descriptor.
func (w *bareWeb) start(env []string, file *os.File) error {
	c, err := startBare(roleWeb, env, file)
	if err != nil {
		return err
	}
	w.children = append(w.children, c)
	return c.await()
}

func (w *bareWeb) stop() error {
	var all []error
	for _, c := range w.children {
		all = append(all, c.stop())
	}
	if w.owner != nil {
		all = append(all, w.owner.Close())
	}
	return errors.Join(all...)
}
