// Package sigdump writes what an operator wants to see of a live process: its goroutine
// stacks and memory figures, appended to a file as the seed's sigdump does.
package sigdump

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"
)

// Options of a dump.
type Options struct {
	Dir  string          // directory of the file; it may be shared with other users
	Heap bool            // also write a heap profile beside it
	More func(io.Writer) // adds to the text; may be nil
}

// alone lets one dump after the other be written: those of a process share its files.
var alone sync.Mutex

// Write appends a dump to sigdump-<pid>.log in the directory and returns the file's path.
// The file is made with mode 0600; one that is a link or belongs to somebody else is
// refused. Any goroutine may call it.
func Write(o Options) (path string, err error) {
	alone.Lock()
	defer alone.Unlock()
	path, err = Append(o.Dir, text(o))
	if err == nil && o.Heap {
		err = heap(path + ".heap")
	}
	return path, err
}

// Append adds a text to the dump file of this process, in one write: other goroutines may
// be writing theirs.
func Append(dir string, text []byte) (path string, err error) {
	path = filepath.Join(dir, fmt.Sprintf("sigdump-%d.log", os.Getpid()))
	f, err := open(path)
	if err != nil {
		return "", fmt.Errorf("dump file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(text); err != nil {
		return "", fmt.Errorf("dump file %s: %w", path, err)
	}
	return path, nil
}

func text(o Options) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Sigdump of pid %d at %s\n", os.Getpid(), time.Now().Format(time.RFC3339Nano))
	if o.More != nil {
		o.More(&b)
	}
	memory(&b)
	fmt.Fprintf(&b, "\nGoroutines: %d\n", runtime.NumGoroutine())
	b.Write(stacks())
	b.WriteByte('\n')
	return b.Bytes()
}

// stacks is the trace of all goroutines, at most 64 MiB of it.
func stacks() []byte {
	for size := 1 << 20; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size || size >= 64<<20 {
			return buf[:n]
		}
	}
}

func memory(w io.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	fmt.Fprintf(w, "\nMemory: %d bytes in use on the heap, %d bytes from the system, %d objects\n", m.HeapAlloc, m.Sys, m.HeapObjects)
	fmt.Fprintf(w, "Collections: %d, paused for %s in all, the last one at %s\n", gc.NumGC, gc.PauseTotal, gc.LastGC.Format(time.RFC3339))
}

func heap(path string) (err error) {
	_ = os.Remove(path) // of an earlier dump; what is in the way otherwise is refused by open
	f, err := open(path)
	if err != nil {
		return fmt.Errorf("heap profile: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := pprof.WriteHeapProfile(f); err != nil {
		return fmt.Errorf("heap profile: %w", err)
	}
	return nil
}
