//go:build unix && !linux

package procbridge

import "os"

// asBatch has nothing to ask for: SCHED_BATCH is Linux's.
func asBatch(start func() (*os.Process, error)) (*os.Process, error) { return start() }
