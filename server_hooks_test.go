package serverengine

import "testing"

// The server's own code sees the configuration in force, after a scale too.
func TestServerConfigIsTheOneInForce(t *testing.T) {
	code := &Server{cfg: Default()}
	cfg := Default()
	cfg.Workers = 7
	code.hooks(nil).Configured(cfg)
	if n := code.Config().Workers; n != 7 {
		t.Errorf("Config has %d workers", n)
	}
}
