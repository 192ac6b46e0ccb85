//go:build !linux

// Conformance plays the stories in stories/ against this library and against the original.
// It looks at processes through /proc, and so needs Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "conformance needs Linux: it looks at processes through /proc")
	os.Exit(1)
}
