//go:build !unix

package actors

// atTerminal is true where no other process can send an interrupt: a person typed it.
func atTerminal() bool { return true }
