package supervisor

import (
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/messages"
)

func (s *server) logOf(inc messages.Incarnation) *logrus.Entry {
	return s.Log.WithFields(logrus.Fields{"worker": inc.Slot, "incarnation": inc.String()})
}

func remarkTo(log *logrus.Logger, r remark) {
	entry := logrus.NewEntry(log)
	if r.inc != (messages.Incarnation{}) {
		entry = log.WithFields(logrus.Fields{"worker": r.inc.Slot, "incarnation": r.inc.String()})
	}
	switch r.level {
	case "error":
		entry.Error(r.text)
	case "warn":
		entry.Warn(r.text)
	default:
		entry.Info(r.text)
	}
}

// report tells people and the parent of an event.
func (s *server) report(ctx actor.Context, e messages.Event) {
	switch e := e.(type) {
	case messages.WorkerStarted:
		s.logStarted(e)
	case messages.WorkerReady:
		s.logOf(e.Incarnation).Debug("worker ready")
	case messages.WorkerStopping:
		s.logOf(e.Incarnation).Infof("worker told to stop (%s): %s", e.Mode, e.Reason)
	case messages.WorkerExited:
		s.logExited(e)
	case messages.WorkerStuck:
		s.logOf(e.Incarnation).Error("worker is stuck: it does not end and can't be killed; it keeps its slot")
	case messages.RestartFinished:
		switch {
		case strings.HasPrefix(e.Reason, superseded):
			s.Log.Infof("%s restart: %s", e.Mode, e.Reason)
		case e.Reason != "":
			s.Log.Errorf("%s restart aborted, the old workers go on: %s", e.Mode, e.Reason)
		default:
			s.Log.Infof("%s restart finished", e.Mode)
		}
	case messages.ServerReady:
		s.Log.WithField("generation", e.Generation).Info("server ready")
	}
	s.up(ctx, e)
}

func (s *server) logStarted(e messages.WorkerStarted) {
	entry := s.logOf(e.Incarnation)
	if e.Pid != 0 {
		entry = entry.WithField("worker_pid", e.Pid)
	}
	entry.Info("worker started")
}

// logExited writes the one line that says all about an end.
func (s *server) logExited(e messages.WorkerExited) {
	entry := s.logOf(e.Incarnation).WithFields(logrus.Fields{
		"cause": string(e.Exit.Cause), "uptime": e.Uptime.Round(time.Millisecond).String(), "restarts": e.Restarts,
	})
	if e.Pid != 0 {
		entry = entry.WithField("worker_pid", e.Pid)
	}
	if e.Exit.Cause == messages.ExitSignal {
		entry = entry.WithField("signal", e.Exit.Signal)
	} else {
		entry = entry.WithField("code", e.Exit.Code)
	}
	if e.Next >= 0 {
		entry = entry.WithField("next_start", e.Next.Round(time.Millisecond).String())
	}
	switch {
	case e.Expected || e.Exit.Ok():
		entry.Infof("worker exited: %s", e.Exit)
	default:
		entry.Errorf("worker exited unexpectedly: %s", e.Exit)
	}
	if !e.Expected && len(e.Exit.Tail) > 0 && e.Exit.Cause != messages.ExitFailed {
		s.logOf(e.Incarnation).Errorf("its last output before it was ready:\n%s", joinLines(e.Exit.Tail))
	}
}
