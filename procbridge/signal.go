package procbridge

import (
	"fmt"
	"os"
	"strings"
)

// SignalByName is the signal of a name such as TERM; SIGTERM and term are understood too.
// The error names what was asked for: a signal that this system lacks.
func SignalByName(name string) (os.Signal, error) {
	short := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "SIG")
	if s, ok := signalNumber(short); ok && short != "" {
		return s, nil
	}
	return nil, fmt.Errorf("no signal is named %q on this system", name)
}

// SignalName is a signal's name without SIG, for example TERM; the number in words for one
// without a name.
func SignalName(s os.Signal) string {
	if name := signalText(s); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return s.String()
}
