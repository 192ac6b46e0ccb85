//go:build unix && !linux

package serverengine

// blockTTIN does nothing where a thread's signals can't be blocked: the look before each
// read is left.
func blockTTIN() {}
