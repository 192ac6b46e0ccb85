//go:build !linux

package procbridge

// SetTitle does nothing: this system keeps a program's arguments as they were given.
func SetTitle(string) error { return nil }

// SetComm does nothing on this system.
func SetComm(string) error { return nil }
