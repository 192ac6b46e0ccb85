package serverengine

import (
	"fmt"
	"io"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/internal/sigdump"
	"github.com/serverengine/serverengine-go/messages"
)

// dump writes the top's dump file in a goroutine, and has the workers write theirs. It is
// ignored once a stop has begun: a service manager sends CONT with its TERM.
func (e *engine) dump(ctx actor.Context, c messages.Dump) {
	if e.cfg.DisableSigdump || e.stop != nil {
		return
	}
	status := e.status()
	writeDump(e.cfg, e.log, func(w io.Writer) { writeTree(w, status) })
	ctx.Send(e.server, c)
}

// writeDump writes this process's dump file in a goroutine.
func writeDump(cfg Config, log *logrus.Logger, more func(io.Writer)) {
	go func() {
		path, err := sigdump.Write(sigdump.Options{Dir: cfg.SigdumpDir, Heap: cfg.SigdumpHeap, More: more})
		if err != nil {
			log.Errorf("dump: %v", err)
			return
		}
		log.Infof("dump written to %s", path)
	}()
}

// writeTree renders a Status for people.
func writeTree(w io.Writer, s messages.Status) {
	fmt.Fprintf(w, "\n%s (pid %d): %s, configuration %d, %d of %d workers ready\n", s.Name, s.Pid, s.State, s.ConfigVersion, s.Ready, s.Wanted)
	for _, server := range s.Servers {
		fmt.Fprintf(w, "  server %d (pid %d): %s\n", server.Generation, server.Pid, server.State)
		for _, l := range server.Workers {
			state := strings.TrimSpace(fmt.Sprint(l.State, " ", l.Reason)) // most have no reason
			fmt.Fprintf(w, "    worker %d, %s (pid %d): %s, age %s, restarts %d\n",
				l.Incarnation.Slot, l.Incarnation, l.Pid, state, l.Age.Round(1e6), l.Restarts)
		}
	}
}
