package workers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
)

// Build names this library in the first frame of a child.
const Build = "serverengine-go/0.1"

// Keys and values of what a child of ours is told in the bridge's variable.
const (
	InfoRole    = "role"
	InfoApp     = "app"
	InfoProgram = "program" // path that a restart looks at again
	InfoTop     = "top"     // pid of the top process
	RoleWorker  = "worker"
	RoleServer  = "server"
)

// Names of the descriptors a child of ours gets.
const (
	FileLog = "log" // write end of its records pipe
	FileTop = "top" // its connection to the top process
)

// Top is what outlives a server: the owner of log and sockets. All methods may be called
// from any goroutine and may block for a moment.
type Top interface {
	Host
	// Adopt takes over what must outlive the process that starts a child.
	Adopt(messages.Incarnation, Handover) error
	// Started says which pid an incarnation has.
	Started(messages.Incarnation, int)
	// Tail is what an incarnation printed last, after a short wait for it to arrive.
	Tail(messages.Incarnation) []string
}

// Handover is the top's side of a child's descriptors. Stdout and Stderr are nil when they
// are not captured.
type Handover struct {
	Records, Stdout, Stderr, Conn *os.File
}

// handoverTag says what the descriptors of a handover are, in the message that brings them.
type handoverTag struct {
	Incarnation messages.Incarnation
	Names       []string
}

// parts are the descriptors by name.
func (h *Handover) parts() map[string]**os.File {
	return map[string]**os.File{"records": &h.Records, "stdout": &h.Stdout, "stderr": &h.Stderr, "conn": &h.Conn}
}

// Tag is how a handover travels between processes: a tag and its descriptors.
func (h Handover) Tag(inc messages.Incarnation) (tag []byte, files []*os.File) {
	t := handoverTag{Incarnation: inc}
	for name, f := range h.parts() {
		if *f != nil {
			t.Names, files = append(t.Names, name), append(files, *f)
		}
	}
	tag, err := json.Marshal(t)
	if err != nil {
		panic(fmt.Sprintf("encode a handover: %v", err)) // text and numbers can be encoded
	}
	return tag, files
}

// ReadHandover is the inverse of Tag. It takes the files over, also when it fails.
func ReadHandover(tag []byte, files []*os.File) (inc messages.Incarnation, h Handover, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				_ = f.Close() // a copy of ours, nothing buffered
			}
			h = Handover{}
		}
	}()
	var t handoverTag
	if err := json.Unmarshal(tag, &t); err != nil {
		return inc, h, fmt.Errorf("read a handover: %w", err)
	}
	if t.Incarnation == (messages.Incarnation{}) {
		return inc, h, errors.New("read a handover: it is of no incarnation")
	}
	if len(t.Names) != len(files) {
		return inc, h, fmt.Errorf("read a handover of %s: %d names for %d descriptors", t.Incarnation, len(t.Names), len(files))
	}
	for i, name := range t.Names {
		part := h.parts()[name]
		if part == nil || *part != nil {
			return inc, h, fmt.Errorf("read a handover of %s: descriptor %q", t.Incarnation, name)
		}
		*part = files[i]
	}
	return t.Incarnation, h, nil
}

// Close closes this process's copies.
func (h Handover) Close() {
	for _, f := range h.parts() {
		if *f != nil {
			_ = (*f).Close() // a copy of ours, nothing buffered
		}
	}
}

// Configured is the configuration that new workers start with.
type Configured struct {
	Config  config.Config
	Version uint64
	Body    []byte
	Shared  map[string][]byte
}

// Spawner makes the actors of workers.
type Spawner struct {
	Code Code
	Top  Top
	Log  *logrus.Logger
	// Program is the path that this program was started by.
	Program string
	// TopPid is the pid of the top process.
	TopPid int

	noManager atomic.Pointer[string] // why, as logged last
}

// Props is the actor of one incarnation, of the type that the configuration says. image
// returns what a process worker runs, held until its Release; it is called when the
// process starts.
func (s *Spawner) Props(inc messages.Incarnation, image func() *procbridge.Image, c Configured) *actor.Props {
	slot := Slot{ID: inc.Slot, Incarnation: inc.String(), Config: c.Config}
	switch c.Config.WorkerType {
	case config.Process:
		return s.proxy(inc, slot, c, func() (actors.Child, error) { return s.startProcess(inc, slot, image, c) })
	case config.Spawn:
		return s.spawnProps(inc, slot, image, c)
	}
	return newGoroutine(birth{
		incarnation: inc, config: c.Config, version: c.Version, shared: c.Shared,
		host: s.Top, topPid: s.TopPid, logger: s.Log, fields: workerFields(inc), code: s.Code,
	}, slot)
}

func (s *Spawner) proxy(inc messages.Incarnation, slot Slot, c Configured, start func() (actors.Child, error)) *actor.Props {
	return actors.NewProxy(actors.ProxyOptions{
		Incarnation: inc, Start: start,
		Started: func(pid int) {
			s.Top.Started(inc, pid)
			callAfter(s.Code.AfterStart, slot, pid, s.Log)
		},
		Timing: WorkerTiming(c.Config),
		Tail:   func() []string { return s.Top.Tail(inc) },
		Log:    s.Log,
	})
}

func workerFields(inc messages.Incarnation) logrus.Fields {
	return logrus.Fields{"worker": inc.Slot, "incarnation": inc.String()}
}

// WorkerTiming takes the numbers of a worker process from a configuration.
func WorkerTiming(c config.Config) actors.Timing {
	return actors.Timing{
		Ladder: actors.Ladder{
			GracefulInterval: c.WorkerGracefulKillInterval, GracefulIncrement: c.WorkerGracefulKillIntervalIncrement,
			GracefulTimeout:   c.WorkerGracefulKillTimeout,
			ImmediateInterval: c.WorkerImmediateKillInterval, ImmediateIncrement: c.WorkerImmediateKillIntervalIncrement,
			ImmediateTimeout: c.WorkerImmediateKillTimeout,
		},
		Watch: actors.Watch{
			Interval: c.WorkerHeartbeatInterval, Timeout: c.WorkerHeartbeatTimeout, ProgressTimeout: c.WorkerProgressTimeout,
		},
	}
}

// childEnv is the environment of a worker process.
func childEnv(slot Slot) []string {
	env := append(withoutConfig(os.Environ()), EnvWorkerID+"="+strconv.Itoa(slot.ID))
	if _, set := os.LookupEnv("GOMAXPROCS"); !set {
		env = append(env, "GOMAXPROCS="+strconv.Itoa(threads(slot.Config)))
	}
	if limit := slot.Config.WorkerMaxMemory; limit > 0 {
		if _, set := os.LookupEnv("GOMEMLIMIT"); !set { // the collector works harder before the worker is replaced
			env = append(env, "GOMEMLIMIT="+strconv.FormatInt(limit/10*9, 10))
		}
	}
	return env
}

// withoutConfig drops what was meant for the top process alone.
func withoutConfig(env []string) []string {
	return slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, config.EnvPrefix) })
}

// threads is a worker's share of the cores: more than that makes workers get in each
// other's way.
func threads(c config.Config) int {
	if c.WorkerGomaxprocs > 0 {
		return c.WorkerGomaxprocs
	}
	return max(1, runtime.GOMAXPROCS(0)/max(1, c.Workers))
}

// inBatches tells whether a worker process is scheduled under SCHED_BATCH.
func inBatches(c config.Config) bool {
	return c.ResolvedSchedulingPolicy(runtime.NumCPU()) == config.PolicyBatch
}

// processName is argv[0] of a worker process: what ps shows.
func processName(slot Slot) string {
	if name := slot.Config.WorkerProcessName; name != "" {
		return strings.ReplaceAll(name, "%d", strconv.Itoa(slot.ID))
	}
	return os.Args[0]
}
