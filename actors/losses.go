package actors

import (
	"github.com/sirupsen/logrus"

	"github.com/serverengine/serverengine-go/logging"
)

// LostReplies tells of replies for which there was no room on the way to the parent process.
func LostReplies(log *logrus.Entry) *logging.Losses {
	return logging.NewLosses(func(n uint64, why string) {
		log.WithField("lost", n).Warnf("replies are lost, and who asked waits in vain: %s", why)
	})
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
	return &Drops{up: up, losses: logging.NewLosses(func(n uint64, why string) {
		log.WithField("lost", n).Warnf("messages to this process are lost: %s", why)
	})}
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
