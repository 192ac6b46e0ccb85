package actors

import (
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/logging"
)

// lossesTo tells by whatever log is at that time that what is lost.
func lossesTo(log func() *logrus.Entry, what string) *logging.Losses {
	return logging.NewLosses(func(n uint64, why string) {
		log().WithField("lost", n).Warnf("%s: %s", what, why)
	})
}

// lostMessages is what both ends say of a process's messages.
const lostMessages = "messages to this process are lost"

// LostReplies tells of replies for which there was no room on the way to the parent process.
func LostReplies(log *logrus.Entry) *logging.Losses {
	return lossesTo(func() *logrus.Entry { return log }, "replies are lost, and who asked waits in vain")
}

// Drops tells of messages that the parent process has sent and for which there was no room.
// It is used by one goroutine.
type Drops struct {
	up      Dropper
	counted uint64
	losses  *logging.Losses
}

// Dropper counts them. A *procbridge.Parent is one.
type Dropper interface{ Dropped() uint64 }

// NewDrops returns Drops that tell by log.
func NewDrops(up Dropper, log *logrus.Entry) *Drops {
	return &Drops{up: up, losses: lossesTo(func() *logrus.Entry { return log }, lostMessages)}
}

// Count takes what was dropped since the last call into account.
func (d *Drops) Count() {
	n := d.up.Dropped()
	if n > d.counted {
		d.losses.Add(n-d.counted, "its queue is full (worker_queue_size)")
	}
	d.counted = n
}

// End tells what was not told yet.
func (d *Drops) End() {
	d.Count()
	d.losses.Flush()
}
