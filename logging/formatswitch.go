package logging

import (
	"sync/atomic"

	"github.com/sirupsen/logrus"
)

// formatSwitch is the formatter of our loggers: its format changes while they are used,
// and without their lock, which a record that waits for room in a pipe may hold.
type formatSwitch struct {
	isJSON atomic.Bool
	text   *TextFormatter
	json   *JSONFormatter
}

func newFormatSwitch(o LoggerOptions) *formatSwitch {
	f := &formatSwitch{text: NewTextFormatter(o.Pid, o.Fields), json: NewJSONFormatter(o.Pid, o.Fields)}
	isJSON, _ := parseFormat(o.Format) // an unknown format is text, as documented
	f.isJSON.Store(isJSON)
	return f
}

// Format implements logrus.Formatter.
func (f *formatSwitch) Format(e *logrus.Entry) ([]byte, error) {
	if f.isJSON.Load() {
		return f.json.Format(e)
	}
	return f.text.Format(e)
}

// SetFormat changes the format, text or json, of a logger of NewLogger; one with a formatter
// of its owner's keeps it. It may be called at any time from any goroutine. An unknown
// format changes nothing and is an error.
func SetFormat(l *logrus.Logger, format string) error {
	isJSON, err := parseFormat(format)
	if f, ours := l.Formatter.(*formatSwitch); ours && err == nil {
		f.isJSON.Store(isJSON)
	}
	return err
}
