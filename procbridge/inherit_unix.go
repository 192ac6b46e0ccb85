//go:build unix

package procbridge

import (
	"fmt"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func catchPipeSignal() { signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE) }

// kindOf looks at a descriptor and leaves it as it is.
func kindOf(n uintptr, name string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(n), &st); err != nil {
		return 0, fmt.Errorf("descriptor %d (%s): %w", n, name, err)
	}
	return uint32(st.Mode) & unix.S_IFMT, nil
}

// checkPipe checks the type: the runtime may have opened a file of its own under a number
// that the parent left free.
func checkPipe(n uintptr, name string) error {
	kind, err := kindOf(n, name)
	if err == nil && kind != unix.S_IFIFO && kind != unix.S_IFSOCK {
		err = fmt.Errorf("descriptor %d (%s) is neither a pipe nor a socket", n, name)
	}
	return err
}

func checkFile(n uintptr, name string) error {
	_, err := kindOf(n, name)
	return err
}

// takeFile makes a descriptor this process's own: closed on exec, and non-blocking where
// that is this process's business alone (a terminal is shared with others).
func takeFile(n uintptr, name string) (*os.File, error) {
	kind, err := kindOf(n, name)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(int(n))
	if kind == unix.S_IFIFO || kind == unix.S_IFSOCK {
		if err := unix.SetNonblock(int(n), true); err != nil {
			return nil, fmt.Errorf("make descriptor %d (%s) non-blocking: %w", n, name, err)
		}
	}
	return os.NewFile(n, name), nil
}
