//go:build unix

package procbridge

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func signalNumber(short string) (os.Signal, bool) {
	n := unix.SignalNum("SIG" + short)
	return n, n != 0
}

func signalText(s os.Signal) string {
	if n, ok := s.(syscall.Signal); ok {
		return unix.SignalName(n)
	}
	return ""
}
