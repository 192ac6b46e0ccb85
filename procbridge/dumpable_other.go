//go:build unix && !linux

package procbridge

import "os"

func keepDumpable(_ *User, start func() (*os.Process, error)) (*os.Process, error) { return start() }
