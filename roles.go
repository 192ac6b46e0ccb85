package serverengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/logging"
	"github.com/serverengine/serverengine-go/procbridge"
	"github.com/serverengine/serverengine-go/workers"
)

// initialised says that Init was called in this process.
var initialised atomic.Bool

// programPath is the path this program was started by, symlinks kept. It is resolved
// before anything could change the working directory.
var programPath string

// theTop is the pid of the top process of this tree.
var theTop = os.Getpid()

// enterRole finds out which process of the tree this is. In a child it does the child's
// work and exits; in the top it returns.
func enterRole(apps ...App) {
	parent, err := procbridge.Inherited()
	if err != nil {
		fmt.Fprintf(os.Stderr, "serverengine: this child process can't reach its parent: %v\n", err)
		os.Exit(1)
	}
	if parent == nil {
		if programPath, err = procbridge.ResolveProgram(); err != nil {
			fmt.Fprintf(os.Stderr, "serverengine: %v\n", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(runChild(parent, apps))
}

func runChild(parent *procbridge.Parent, apps []App) int {
	name := parent.Info(workers.InfoApp)
	for _, app := range apps {
		if app.name() != name && len(apps) > 1 {
			continue
		}
		programPath = parent.Info(workers.InfoProgram)
		if n, err := strconv.Atoi(parent.Info(workers.InfoTop)); err == nil {
			theTop = n
		}
		if parent.Info(workers.InfoRole) == workers.RoleServer {
			return runServerProcess(parent, app)
		}
		return workers.RunChild(parent, app.code())
	}
	fmt.Fprintf(os.Stderr, "serverengine: no app named %q in this program: give Init every App that Props gets, with their Names\n", name)
	return 1
}

// newSystem makes an actor system that logs into the engine's log: what protoactor says of
// its everyday life only at trace.
func newSystem(log *logrus.Logger) *actor.ActorSystem {
	return actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(quiet{logging.NewSlogHandler(log)})
	}))
}

// quiet lowers everything below a warning to trace.
type quiet struct{ slog.Handler }

const levelTrace = slog.LevelDebug - 4

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, lowered(l))
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(a []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(a)} }
func (q quiet) WithGroup(name string) slog.Handler   { return quiet{q.Handler.WithGroup(name)} }

func lowered(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return levelTrace
	}
	return l
}

// complain prints what keeps the server from starting, one problem a line, and returns the
// exit code.
func complain(err error) int {
	var all config.ConfigErrors
	if !errors.As(err, &all) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), err)
		return 1
	}
	for _, one := range all {
		fmt.Fprintf(os.Stderr, "%s: %v\n", programName(), one)
	}
	return 1
}

func stderr() io.Writer { return os.Stderr }

func contextFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}
