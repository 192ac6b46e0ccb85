//go:build unix

package serverengine_test

import (
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/internal/leash"
)

// roleVar names the program that a process plays. Its worker processes inherit it, so that
// their main takes the same way as the top's did.
const roleVar = "SERVERENGINE_TEST_ROLE"

// TestMain makes the test binary the program under test: started with a role, it plays it
// and never runs a test. Without one it is a host program, whose worker processes end in
// Init.
func TestMain(m *testing.M) {
	breakIfMarked()
	if name := os.Getenv(roleVar); name != "" {
		play, ok := roles[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "no role is named %q\n", name)
			os.Exit(98)
		}
		leash.Follow()
		play()
		os.Exit(97) // a role exits by itself
	}
	serverengine.Init(hostApps()...)
	leash.Hold()
	quicken()
	code := m.Run()
	if idle := unplayed(); code == 0 && wholeRun() && len(idle) > 0 {
		fmt.Fprintf(os.Stderr, "roles that no test plays: %s\n", strings.Join(idle, ", "))
		code = 1
	}
	os.Exit(code)
}

// quicken keeps the race detector from holding every process for a second at its end.
func quicken() {
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE")); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

var played sync.Map

// unplayed are the roles that no test has started.
func unplayed() []string {
	var idle []string
	for name := range roles {
		if _, ok := played.Load(name); !ok {
			idle = append(idle, name)
		}
	}
	sort.Strings(idle)
	return idle
}

// wholeRun reports whether every test had its chance.
func wholeRun() bool {
	for _, name := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if f := flag.Lookup(name); f != nil && f.Value.String() != "" {
			return false
		}
	}
	return !testing.Short()
}
