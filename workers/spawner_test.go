package workers

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/serverengine/serverengine-go/config"
)

// A worker process gets its server's environment, its number and its share of the cores,
// and nothing that was meant for the top alone.
func TestEnvironmentOfAWorkerProcess(t *testing.T) {
	t.Setenv(config.EnvPrefix+"WORKERS", "9")
	t.Setenv("OF_THE_USER", "kept")
	t.Setenv("GOMAXPROCS", "")
	os.Unsetenv("GOMAXPROCS")
	cfg := config.Default()
	cfg.WorkerGomaxprocs = 3
	env := childEnv(Slot{ID: 5, Config: cfg})
	for _, want := range []string{"OF_THE_USER=kept", EnvWorkerID + "=5", "GOMAXPROCS=3"} {
		if !slices.Contains(env, want) {
			t.Errorf("the environment lacks %s", want)
		}
	}
	for _, v := range env {
		if strings.HasPrefix(v, config.EnvPrefix) {
			t.Errorf("the environment has %s", v)
		}
	}
	t.Setenv("GOMAXPROCS", "7")
	if env := childEnv(Slot{Config: cfg}); !slices.Contains(env, "GOMAXPROCS=7") || slices.Contains(env, "GOMAXPROCS=3") {
		t.Error("the user's own GOMAXPROCS is overruled")
	}
}

func TestWorkersShareTheCores(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	for workers, want := range map[int]int{0: cores, 1: cores, cores: 1, 100 * cores: 1} {
		cfg := config.Default()
		if cfg.Workers = workers; threads(cfg) != want {
			t.Errorf("%d workers on %d cores get %d threads each, want %d", workers, cores, threads(cfg), want)
		}
	}
}

func TestNameOfAWorkerProcess(t *testing.T) {
	cfg := config.Default()
	if name := processName(Slot{ID: 4, Config: cfg}); name != os.Args[0] {
		t.Errorf("without a name it is %q", name)
	}
	cfg.WorkerProcessName = "shop: worker %d of " + strconv.Itoa(8)
	if name := processName(Slot{ID: 4, Config: cfg}); name != "shop: worker 4 of 8" {
		t.Errorf("it is %q", name)
	}
}

// A server's pipe takes whatever a later configuration allows.
func TestPipeOfAServerTakesAllThatIsAllowed(t *testing.T) {
	cfg := config.Default()
	cfg.WorkerMaxMessageSize, cfg.WorkerQueueSize = 1000, 3
	if body, queue := pipeSize(RoleWorker, cfg); body != 1000+maxControl || queue != 3 {
		t.Errorf("a worker's: %d bytes, %d messages", body, queue)
	}
	if body, queue := pipeSize(RoleServer, cfg); body != largestMessage+maxControl || queue != serverQueue {
		t.Errorf("a server's: %d bytes, %d messages", body, queue)
	}
	cfg.WorkerMaxMessageSize = largestMessage
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	cfg.WorkerMaxMessageSize++
	if cfg.Validate() == nil {
		t.Error("larger messages are allowed")
	}
}
