package procbridge

import (
	"math"
	"strings"
	"testing"
)

// FuzzGrant: whatever stands in the variable, a grant that is taken has a descriptor of its
// own for every name, none of them the standard ones, sizes that a process can live with,
// and is written again as what it was read from.
func FuzzGrant(f *testing.F) {
	for _, s := range []string{
		`{"v":1,"down":3,"up":4,"max":1052672,"queue":1024,"files":{"log":5,"top":6},"info":{"role":"worker"}}`,
		`{"v":1,"down":3,"up":4,"path":"/bin/x","comm":"x","later":[1]}`,
		`{"v":1,"down":3,"up":3}`, `{"v":1,"down":3,"up":4,"files":{"a":5,"b":5}}`, `{"v":1,"down":3,"up":4,"files":{"a":5,"a":6}}`,
		`{"v":1,"down":4294967299,"up":4}`, `{"v":1,"down":-3,"up":4}`, `{"v":1,"down":3e0,"up":4}`, `{"v":2,"down":3,"up":4}`,
		`{"v":1,"down":3,"up":4,"queue":1152921504606846976}`, `{"V":1,"DOWN":3,"Up":4,"max":-1}`, `null`, `[]`, ``,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		g, err := parseGrant(value)
		if err != nil {
			if g != nil || !strings.Contains(err.Error(), EnvVar) {
				t.Fatalf("%+v, %v", g, err)
			}
			return
		}
		numbers := map[uintptr]bool{g.Down: true, g.Up: true}
		for _, n := range g.Files {
			numbers[n] = true
		}
		if len(numbers) != 2+len(g.Files) {
			t.Fatalf("a number stands for two: %+v", g)
		}
		for n := range numbers {
			if n < 3 || n > math.MaxInt32 {
				t.Fatalf("descriptor %d: %+v", n, g)
			}
		}
		if g.Queue < 0 || g.Queue > maxUserQueue || g.Max < 0 || g.Max > math.MaxInt32 {
			t.Fatalf("sizes of %+v", g)
		}
		readsBack(t, g)
	})
}

// readsBack compares texts: no files and an empty list of them are the same.
func readsBack(t *testing.T, g *grant) {
	t.Helper()
	entry, err := g.variable()
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseGrant(strings.TrimPrefix(entry, EnvVar+"="))
	if err != nil {
		t.Fatalf("%s was written and cannot be read: %v", entry, err)
	}
	if twice, err := again.variable(); err != nil || twice != entry {
		t.Fatalf("%s became %s, %v", entry, twice, err)
	}
}
