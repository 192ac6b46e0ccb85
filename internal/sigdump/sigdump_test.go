package sigdump

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

// Dumps that are asked for at once are written one after the other, each of them whole, and
// so is their heap profile.
func TestDumpsAtOnceAreWhole(t *testing.T) {
	dir, dumps := t.TempDir(), 20
	var all sync.WaitGroup
	for n := range dumps {
		all.Go(func() {
			more := func(w io.Writer) { fmt.Fprintf(w, "asked for by %d\n", n) }
			if _, err := Write(Options{Dir: dir, Heap: true, More: more}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Fatalf("not a dump file and its heap profile: %v, %v", names, err)
	}
	text, err := os.ReadFile(dir + "/" + names[0].Name())
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Split(string(text), "Sigdump of pid")[1:]
	if len(whole) != dumps {
		t.Errorf("%d dumps, not %d", len(whole), dumps)
	}
	for _, dump := range whole {
		for _, part := range []string{"asked for by", "\nMemory: ", "\nGoroutines: ", "[running]:\n"} {
			if n := strings.Count(dump, part); n != 1 {
				t.Errorf("%q is there %d times in a dump", part, n)
			}
		}
	}
	profile, err := os.ReadFile(dir + "/" + names[1].Name())
	if err != nil {
		t.Fatal(err)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(profile))
	if err == nil {
		_, err = io.Copy(io.Discard, unzipped)
	}
	if err != nil {
		t.Errorf("the heap profile: %v", err)
	}
}
