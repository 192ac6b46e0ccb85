package logging

import (
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"
)

// severity is how a logrus level is written: the seed's letter, its name in five
// columns, and its name in JSON and in configurations.
type severity struct {
	letter byte
	label  string
	name   string
}

// severities is indexed by logrus.Level. Panic is a way to leave a function, not
// a severity of the seed; as a record it is fatal.
var severities = [...]severity{
	logrus.PanicLevel: {'F', "FATAL", "fatal"},
	logrus.FatalLevel: {'F', "FATAL", "fatal"},
	logrus.ErrorLevel: {'E', "ERROR", "error"},
	logrus.WarnLevel:  {'W', " WARN", "warn"},
	logrus.InfoLevel:  {'I', " INFO", "info"},
	logrus.DebugLevel: {'D', "DEBUG", "debug"},
	logrus.TraceLevel: {'T', "TRACE", "trace"},
}

func severityOf(level logrus.Level) severity {
	if int(level) >= len(severities) {
		level = logrus.TraceLevel
	}
	return severities[level]
}

// ParseLevel returns the level of a name: trace, debug, info, warn (or warning),
// error, fatal, in any case. The empty name is debug, the seed's default.
func ParseLevel(name string) (logrus.Level, error) {
	switch strings.ToLower(name) {
	case "trace":
		return logrus.TraceLevel, nil
	case "", "debug":
		return logrus.DebugLevel, nil
	case "info":
		return logrus.InfoLevel, nil
	case "warn", "warning":
		return logrus.WarnLevel, nil
	case "error":
		return logrus.ErrorLevel, nil
	case "fatal":
		return logrus.FatalLevel, nil
	}
	return logrus.DebugLevel, fmt.Errorf("logging: unknown level %q: use trace, debug, info, warn, error or fatal", name)
}

// SetLevel sets the level of l by name, see [ParseLevel]. It may be called at any
// time from any goroutine. An unknown name changes nothing and is an error.
func SetLevel(l *logrus.Logger, name string) error {
	level, err := ParseLevel(name)
	if err != nil {
		return err
	}
	l.SetLevel(level)
	return nil
}

// The names of the two formats.
const (
	FormatText = "text" // the seed's line, see TextFormatter
	FormatJSON = "json" // one JSON object a line, see JSONFormatter
)

// parseFormat tells whether a format's name means JSON. The empty name is text.
func parseFormat(name string) (json bool, err error) {
	switch strings.ToLower(name) {
	case "", FormatText:
		return false, nil
	case FormatJSON:
		return true, nil
	}
	return false, fmt.Errorf("logging: unknown format %q: use text or json", name)
}
