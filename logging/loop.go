package logging

import (
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
)

// outage is a time in which the file takes no records.
//
//	fine ──error──▶ holding ──hold is over──▶ diverting
//	  ▲                │  each retry             │ each batch and timer, retry apart
//	  └──── a write succeeds ◀───────────────────┘
type outage struct {
	err      error     // nil: fine
	since    time.Time // of the first error
	next     time.Time // not to be tried before
	diverted uint64    // records sent to stderr
}

// loop is the goroutine that owns the file.
func (w *Writer) loop() {
	defer close(w.ended)
	timer := time.NewTimer(w.tune.check)
	defer timer.Stop()
	for {
		select {
		case <-w.wake:
			w.step()
		case o := <-w.ops:
			w.step()
			o.done <- o.do()
		case <-timer.C:
			w.tick()
			timer.Reset(w.tune.check)
		case <-w.quit:
			w.step()
			w.finish()
			return
		}
		if w.outage.err != nil {
			timer.Reset(w.tune.retry)
		}
	}
}

func (w *Writer) tick() {
	if w.outage.err != nil {
		w.recover()
		return
	}
	if err := w.log.refresh(true); err != nil {
		w.failed(err)
	}
}

// step writes everything that is pending, as one batch.
func (w *Writer) step() {
	w.mu.Lock()
	batch, dropped := w.pending, w.dropped
	w.pending, w.spare = w.spare[:0], nil
	w.dropped, w.stalled = 0, false
	taken := uint64(len(batch))
	w.announceProgress()
	w.mu.Unlock()

	if dropped > 0 {
		// Whatever was dropped came after the batch was full.
		batch = appendNotice(batch, w.isJSON.Load(), logrus.WarnLevel,
			fmt.Sprintf("%d log records dropped: the log could not be written fast enough", dropped))
	}
	w.deliver(batch)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled += taken
	w.failure = w.outage.err
	w.spare = recycle(batch, int(taken))
	w.announceProgress()
}

// announceProgress wakes all who wait in awaitProgress. mu is held.
func (w *Writer) announceProgress() {
	if w.progress != nil {
		close(w.progress)
		w.progress = nil
	}
}

// recycle returns the buffer for the next batch, or nil if this one is much
// larger than needed.
func recycle(b []byte, used int) []byte {
	const small = 256 << 10
	if cap(b) > small && used < small/4 {
		return nil
	}
	return b[:0]
}

// deliver writes whole records to the file, or after an outage's hold to stderr.
func (w *Writer) deliver(b []byte) {
	if len(b) == 0 {
		return
	}
	if w.outage.err != nil && !w.recover() {
		w.divert(b)
		return
	}
	for {
		n, err := w.log.append(b)
		b = b[n:]
		if err == nil {
			w.outage = outage{}
			return
		}
		w.failed(err)
		if time.Since(w.outage.since) >= w.tune.hold || !w.sleep(w.tune.retry) {
			w.divert(b)
			return
		}
	}
}

// sleep reports whether it was not ended early by Close.
func (w *Writer) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-w.quit:
		return false
	}
}

// failed notes that the file took no record; the first error of an outage is
// printed.
func (w *Writer) failed(err error) {
	now := time.Now()
	if w.outage.err == nil {
		w.outage.since = now
		w.complain(fmt.Sprintf("cannot write the log: %v", err))
	}
	w.outage.err = err
	w.outage.next = now.Add(w.tune.retry)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failure = err
}

// recover tries the file again if it is time, with the record that tells what
// happened, and reports whether the outage is over.
func (w *Writer) recover() bool {
	if time.Now().Before(w.outage.next) {
		return false
	}
	news := appendNotice(nil, w.isJSON.Load(), logrus.WarnLevel, fmt.Sprintf(
		"the log can be written again: %d log records went to stderr since %s: %v",
		w.outage.diverted, w.outage.since.Format(time.RFC3339), w.outage.err))
	if _, err := w.log.append(news); err != nil {
		w.failed(err)
		return false
	}
	w.outage = outage{}
	w.mu.Lock()
	w.failure = nil
	w.mu.Unlock()
	return true
}

// divert sends records to stderr and counts them. Where the log is stderr they
// are only counted.
func (w *Writer) divert(b []byte) {
	if len(b) == 0 {
		return
	}
	n := countRecords(b)
	w.outage.diverted += n
	w.lost.Add(n)
	if w.log.opts.Path != "" {
		// There is nobody left to tell if this fails too; the records are counted.
		// A stderr that blocks stops the loop: then the buffer fills and records
		// are dropped, as with a slow disk.
		_, _ = w.Stderr().Write(b)
	}
}

// complain prints a record of our own to the original stderr.
func (w *Writer) complain(msg string) {
	b := appendNotice(nil, w.isJSON.Load(), logrus.ErrorLevel, msg)
	_, _ = w.Stderr().Write(b) // the last resort
}

// finish is the loop's end.
func (w *Writer) finish() {
	w.janitor.wait(w.tune.close / 2)
	if n := w.log.unfinished(); n > 0 {
		w.lost.Add(n)
	}
	err := errors.Join(w.outage.err, w.log.close(), w.kept.restore())
	w.kept.close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failure = err
}
