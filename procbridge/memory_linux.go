package procbridge

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// AnonymousMemory is how much memory of its own a process has, in bytes: heap and stacks,
// resident or swapped out, without what it shares with others by mapping files.
func AnonymousMemory(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of pid %d: %w", pid, err)
	}
	var sum int64
	for line := range bytes.Lines(b) {
		for _, name := range []string{"RssAnon:", "VmSwap:"} {
			rest, ok := bytes.CutPrefix(line, []byte(name))
			if !ok {
				continue
			}
			kib, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err != nil {
				return 0, fmt.Errorf("memory of pid %d: %s %w", pid, name, err)
			}
			sum += kib << 10
		}
	}
	return sum, nil
}
