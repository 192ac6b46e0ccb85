package serverengine

import (
	"strings"
	"testing"
)

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

// What does not fit into the start of a worker is an error to whoever shares it.
func TestShareIsBounded(t *testing.T) {
	code := &Server{}
	large := strings.Repeat("x", 3<<20)
	for i, c := range []struct {
		name string
		fits bool
	}{{"a", true}, {"b", false}, {"a", true}} {
		err := code.Share(c.name, large)
		if (err == nil) != c.fits || err != nil && !strings.Contains(err.Error(), "4194304 are allowed: share the path") {
			t.Errorf("share %d: %v", i, err)
		}
	}
	if n := len(code.values()); n != 1 {
		t.Errorf("%d values are shared", n)
	}
}
