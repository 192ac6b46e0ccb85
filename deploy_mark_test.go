//go:build unix

package serverengine_test

import (
	"bytes"
	"fmt"
	"os"
)

// A deploy of new code is a copy of the test binary with a mark behind its end, which the
// program reads of itself.
const (
	markIntro  = "\nserverengine test mark: "
	markBroken = "broken"
)

// marked is the mark of the running program.
func marked() string {
	exe := "/proc/self/exe"
	if _, err := os.Stat(exe); err != nil {
		exe, _ = os.Executable()
	}
	f, err := os.Open(exe)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return ""
	}
	tail := make([]byte, 64)
	n, _ := f.ReadAt(tail, st.Size()-int64(len(tail)))
	_, mark, ok := bytes.Cut(tail[:n], []byte(markIntro))
	if !ok {
		return "original"
	}
	return string(mark)
}

// breakIfMarked is a program that can't start.
func breakIfMarked() {
	if marked() == markBroken {
		fmt.Fprintln(os.Stderr, "this build can't find its database")
		os.Exit(1)
	}
}
