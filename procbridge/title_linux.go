package procbridge

import (
	"fmt"
	"os"
)

// SetTitle gives this process the command line that ps -o args shows.
func SetTitle(title string) error { return SetComm(title) }

// SetComm gives this process its short name, as ps -o comm shows it: the first 15 bytes.
// On systems without one it does nothing.
func SetComm(name string) error {
	if len(name) > 15 {
		name = name[:15]
	}
	if err := os.WriteFile("/proc/self/comm", []byte(name), 0); err != nil {
		return fmt.Errorf("set the process's short name: %w", err)
	}
	return nil
}
