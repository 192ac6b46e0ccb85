package workers

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/serverengine/serverengine-go/actors"
	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/account"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/messages"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/sockets"
)

// startProcess starts a worker process: this program again, from an opened image.
func (s *Spawner) startProcess(inc messages.Incarnation, slot Slot, image func() *procbridge.Image, c Configured) (actors.Child, error) {
	if err := callBefore(s.Code.BeforeStart, slot); err != nil {
		return nil, err
	}
	who, err := userOf(c.Config.WorkerChuser, c.Config.WorkerChgroup)
	if err != nil {
		return nil, err
	}
	return s.startOurs(inc, image, c, ourChild{
		role: RoleWorker, name: processName(slot), env: childEnv(slot), user: who,
	})
}

// ourChild is what differs between a worker process, a keeper and a server process.
type ourChild struct {
	role    string
	name    string // argv[0]
	env     []string
	user    *procbridge.User
	command []byte // of a keeper
}

// startOurs starts a child of this program's image.
func (s *Spawner) startOurs(inc messages.Incarnation, image func() *procbridge.Image, c Configured, o ourChild) (actors.Child, error) {
	program := image()
	if program == nil {
		return nil, fmt.Errorf("start %s: its program file was closed", inc)
	}
	defer program.Release()
	return s.startWire(inc, c, procbridge.Command{
		Image: program, Args: append([]string{o.name}, os.Args[1:]...), Env: o.env, User: o.user,
		Batch: o.role == RoleWorker && inBatches(c.Config),
		Info:  map[string]string{InfoRole: o.role, InfoApp: s.Code.Name, InfoProgram: s.Program, InfoTop: strconv.Itoa(s.TopPid)},
	}, o.command)
}

// startWire starts a child that speaks the wire, with everything such a child gets.
func (s *Spawner) startWire(inc messages.Incarnation, c Configured, cmd procbridge.Command, keeps []byte) (actors.Child, error) {
	ends, err := s.handOver(inc, c)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", inc, err)
	}
	defer ends.close()
	cmd.Stdout, cmd.Stderr, cmd.Wire = ends.stdout, ends.stderr, true
	cmd.Files = []procbridge.NamedFile{{Name: FileLog, File: ends.records}, {Name: FileTop, File: ends.conn}}
	cmd.MaxBody, cmd.UserQueue = pipeSize(cmd.Info[InfoRole], c.Config)
	p, err := procbridge.Start(cmd)
	if err != nil {
		return nil, err
	}
	s.Top.Started(inc, p.Pid())
	err = p.Send(messages.Begin{Incarnation: inc, Version: c.Version, Config: c.Body, Shared: c.Shared, Command: keeps})
	if errors.Is(err, procbridge.ErrTooLarge) { // it would wait for its beginning for ever
		_ = p.Kill() // dead already, at worst
		for range p.Events() {
		}
		return nil, fmt.Errorf("start %s: %w; of this the configuration has %d bytes, shared values %d, the command %d: give a path to what is large",
			inc, err, len(c.Body), sharedSize(c.Shared), len(keeps))
	}
	if err != nil {
		s.Log.WithField("incarnation", inc.String()).Debugf("begin: %v", err) // it died at once: its exit follows
	}
	return p, nil
}

func sharedSize(shared map[string][]byte) (n int) {
	for name, value := range shared {
		n += len(name) + len(value)
	}
	return n
}

// userOf finds who a process is to run as; nil = as this process.
func userOf(name, group string) (*procbridge.User, error) {
	if name == "" && group == "" {
		return nil, nil
	}
	a, err := account.Lookup(name, group, os.Getuid(), os.Getgid())
	if err != nil {
		return nil, err
	}
	return &procbridge.User{Uid: a.Uid, Gid: a.Gid, Groups: a.Groups}, nil
}

// What a child is given has room in a frame of its pipe, however small the user's messages
// are to be.
const (
	// MaxConfig is the largest encoded configuration, keys of the user's own included.
	MaxConfig = 4 << 20
	// MaxShared is the most that all shared values and their names may have together.
	MaxShared = 4 << 20

	maxControl = 16 << 20 // both in base64, and the command of a spawn worker
)

// What a server's pipe takes at least.
const (
	largestMessage = 1 << 30 // the most that worker_max_message_size can be
	serverQueue    = 1 << 14 // messages, those of all workers together
)

// pipeSize is the largest body of a child's frames and how many of the user's messages may
// wait for it. There is room for the largest message and for all control frames. The keys
// count for workers started from then on, and the pipe of their server is older: it bounds
// nothing that a later configuration allows.
func pipeSize(role string, c config.Config) (maxBody, queue int) {
	if role == RoleServer {
		return largestMessage + maxControl, max(serverQueue, c.WorkerQueueSize)
	}
	return int(c.WorkerMaxMessageSize) + maxControl, c.WorkerQueueSize
}

// childEnds are the child's ends of its pipes.
type childEnds struct {
	records, stdout, stderr, conn *os.File
	inherits                      [2]bool // stdout, stderr are this process's own
}

func (e *childEnds) close() {
	own := []*os.File{e.records, e.conn}
	for i, f := range []*os.File{e.stdout, e.stderr} {
		if !e.inherits[i] {
			own = append(own, f)
		}
	}
	for _, f := range own {
		if f != nil {
			_ = f.Close() // a copy of ours, nothing buffered
		}
	}
}

// handOver makes a child's pipes and gives the top its ends, before the child exists: so
// whatever becomes of this process, the child's output has a reader.
func (s *Spawner) handOver(inc messages.Incarnation, c Configured) (ends *childEnds, err error) {
	ends = &childEnds{stdout: os.Stdout, stderr: os.Stderr, inherits: [2]bool{true, true}}
	var h Handover
	var problems []error
	pipe := func() (r, w *os.File) {
		r, w, err := logging.CreatePipe()
		problems = append(problems, err)
		return r, w
	}
	h.Records, ends.records = pipe()
	if c.Config.LogStdout {
		ends.inherits[0] = false
		h.Stdout, ends.stdout = pipe()
	}
	if c.Config.LogStderr {
		ends.inherits[1] = false
		h.Stderr, ends.stderr = pipe()
	}
	top, child, err := sockets.Pair()
	h.Conn, ends.conn = top, child
	if err := errors.Join(append(problems, err)...); err != nil {
		h.Close()
		ends.close()
		return nil, fmt.Errorf("make its pipes: %w", err)
	}
	if err := s.Top.Adopt(inc, h); err != nil {
		ends.close()
		return nil, fmt.Errorf("hand its pipes to the top process: %w", err)
	}
	return ends, nil
}
