package procbridge

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
)

// The test binary is the child in its tests: started with a role, it plays it and never
// runs a test.
func TestMain(m *testing.M) {
	if role := myRole(); role != "" {
		play, ok := roles[role]
		if !ok {
			fmt.Fprintf(os.Stderr, "no role is named %q\n", role)
			os.Exit(98)
		}
		play()
		os.Exit(0)
	}
	code := m.Run()
	if idle := unplayed(); code == 0 && wholeRun() && len(idle) > 0 {
		fmt.Fprintf(os.Stderr, "roles that no test plays: %s\n", strings.Join(idle, ", "))
		code = 1
	}
	os.Exit(code)
}

// roleVar names the role of a plain command; a wire child has it in its Info.
const roleVar = "PROCBRIDGE_TEST_ROLE"

// myRole looks at the variable without taking it: some roles want to take it themselves.
func myRole() string {
	var g grant
	if v := os.Getenv(EnvVar); v != "" && json.Unmarshal([]byte(v), &g) == nil {
		return g.Info["role"]
	}
	return os.Getenv(roleVar)
}

var played sync.Map

// unplayed are the roles that nobody was started in, but for those that other roles start.
func unplayed() []string {
	var idle []string
	for name := range roles {
		if _, ok := played.Load(name); !ok && !strings.HasPrefix(name, "inner ") {
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
