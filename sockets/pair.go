package sockets

import (
	"fmt"
	"os"
)

// Pair makes the connection between an owner and one of its children: parent
// is for Attach, child goes into the child's ExtraFiles and there into FromFile.
// Both are close-on-exec and non-blocking; exec.Cmd clears the former on the
// child's copy and leaves the latter alone.
func Pair() (parent, child *os.File, err error) {
	fds, err := socketPair()
	if err != nil {
		return nil, nil, fmt.Errorf("sockets: make a socket pair: %w", os.NewSyscallError("socketpair", err))
	}
	return fileOf(fds[0], "socket pair, parent's end"), fileOf(fds[1], "socket pair, child's end"), nil
}
