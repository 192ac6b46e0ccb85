package config

import (
	"slices"
	"strings"
)

// handled are the signals that can carry a meaning of ours. The others can't
// be caught (KILL, STOP), belong to the Go runtime (URG, PROF, and those of
// faults) or to the kernel's own business with us (CHLD, PIPE), or have a
// meaning already (TTIN, TTOU: one worker more, one fewer).
var handled = [...]string{
	"TERM", "QUIT", "INT", "HUP", "USR1", "USR2", "CONT", "WINCH", "ALRM", "VTALRM",
	"TSTP", "ABRT", "IO", "PWR", "XCPU",
}

// sendable are the signals that can be sent to a spawned command beside the
// handled ones.
var sendable = [...]string{"TTIN", "TTOU", "URG", "PROF", "CHLD", "PIPE", "TRAP", "SYS", "XFSZ"}

// refusal says why a signal can't carry a meaning of ours.
func refusal(name string) string {
	switch name {
	case "KILL", "STOP":
		return "can't be caught"
	case "TTIN", "TTOU":
		return "is taken: it adds or removes a worker"
	case "URG", "PROF", "SEGV", "BUS", "FPE", "ILL", "TRAP", "SYS", "XFSZ":
		return "belongs to the Go runtime"
	case "CHLD", "PIPE":
		return "belongs to the process itself"
	}
	return "is no signal"
}

// levels are the log levels, least first.
var levels = [...]string{"trace", "debug", "info", "warn", "error", "fatal"}

// signalName is the one form of a signal's name: upper case, without SIG and
// without Ruby's colon. What would not be its own one form (SIGSIGHUP) is left as
// it is: it is no signal.
func signalName(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	name := strings.TrimPrefix(strings.TrimPrefix(s, ":"), "SIG")
	if name == "" || name[0] == ':' || strings.HasPrefix(name, "SIG") || strings.TrimSpace(name) != name {
		return s
	}
	return name
}

// signalProblem says why the signal can't be used for form, or "".
func signalProblem(form, name string) string {
	n := signalName(name)
	if slices.Contains(handled[:], n) {
		return ""
	}
	if form == "any_signal" {
		if n == "" || slices.Contains(sendable[:], n) {
			return ""
		}
		if n == "KILL" || n == "STOP" {
			return "stops the command instead of telling it"
		}
		return "is no signal that can be sent"
	}
	return refusal(n)
}
