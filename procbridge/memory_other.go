//go:build !linux

package procbridge

import (
	"errors"
	"fmt"
)

// AnonymousMemory is not known on this system.
func AnonymousMemory(pid int) (int64, error) {
	return 0, fmt.Errorf("memory of pid %d: %w", pid, errors.ErrUnsupported)
}
