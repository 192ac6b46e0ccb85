package workers

import (
	"errors"
	"fmt"
	"os"

	"github.com/serverengine/serverengine-go/actors"
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
	ends, err := s.handOver(inc, c)
	if err != nil {
		return nil, fmt.Errorf("start worker %d: %w", slot.ID, err)
	}
	defer ends.close()
	program := image()
	if program == nil {
		return nil, fmt.Errorf("start worker %d: its program file was closed", slot.ID)
	}
	defer program.Release()
	p, err := procbridge.Start(procbridge.Command{
		Image: program, Args: append([]string{processName(slot)}, os.Args[1:]...), Env: childEnv(slot),
		Stdout: ends.stdout, Stderr: ends.stderr,
		Files:     []procbridge.NamedFile{{Name: FileLog, File: ends.records}, {Name: FileTop, File: ends.conn}},
		Wire:      true,
		Info:      map[string]string{InfoRole: RoleWorker, InfoApp: s.Code.Name},
		MaxBody:   maxBody(c),
		UserQueue: c.Config.WorkerQueueSize,
	})
	if err != nil {
		return nil, err
	}
	s.Top.Started(inc, p.Pid())
	if err := p.Send(messages.Begin{Incarnation: inc, Version: c.Version, Config: c.Body, Shared: c.Shared}); err != nil {
		s.Log.WithFields(workerFields(inc)).Debugf("begin: %v", err) // it died at once: its exit follows
	}
	go callAfter(s.Code.AfterStart, slot, p.Pid(), s.Log)
	return p, nil
}

// maxBody leaves room for the largest message of the user, and for a configuration and
// shared values of any reasonable size.
func maxBody(c Configured) int {
	const control = 1 << 20
	return int(c.Config.WorkerMaxMessageSize) + control
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
