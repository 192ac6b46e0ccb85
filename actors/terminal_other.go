//go:build !unix

package actors

// AtTerminal is true where no other process can send an interrupt: a person typed it.
func AtTerminal() bool { return true }
