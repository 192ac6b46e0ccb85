package serverengine

import (
	"path/filepath"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"
)

// The log follows one configuration after another: the last one stays.
func TestLogFollowsTheLastConfiguration(t *testing.T) {
	system := SilentSystem()
	cfg := Default()
	cfg.Log = filepath.Join(t.TempDir(), "log")
	h, err := newHouse(App{}, cfg, true)
	if err == nil {
		err = h.openLog(cfg, nil, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	e := &engine{house: h, cfg: cfg}
	still := make(chan struct{})
	engine := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case []string:
			for _, e.cfg.LogLevel = range m {
				e.followLog(ctx)
			}
		case logConfigured:
			if e.logConfigured(ctx, m); !e.desk.logging {
				still <- struct{}{}
			}
		}
	}))
	for round := range 50 {
		system.Root.Send(engine, []string{"debug", "warn", "error"})
		if <-still; h.log.GetLevel() != logrus.ErrorLevel {
			t.Fatalf("round %d: the level is %s", round, h.log.GetLevel())
		}
	}
}
