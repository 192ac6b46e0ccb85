package logging

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
)

// logFile is the file of a Writer. Only the Writer's loop uses it.
type logFile struct {
	w       *Writer
	opts    Options
	f       *os.File
	target  string // what opts.Path named when f was opened; "" for stdout and stderr
	regular bool   // may be rotated, moved, captured into
	size    int64

	looked     time.Time // when the path was last compared with f
	nextRotate time.Time // after a failure
	rotateErr  bool      // the last rotation failed, and that was reported
	followErr  bool      // the same for opening a moved log again

	renamer renamer
	torn    torn
}

// torn is a record whose beginning was written before the file failed. It is
// completed before anything else is written.
type torn struct {
	record []byte // whole
	done   int    // bytes of it that are in the file
}

// recheck is how often the path is looked at while records are written.
const recheck = 100 * time.Millisecond

func openLog(o Options, w *Writer) (*logFile, error) {
	l := &logFile{w: w, opts: o}
	if err := l.reopen(); err != nil {
		return nil, err
	}
	return l, nil
}

// reopen opens the path anew and lets go of the old file; on an error the old
// one stays.
func (l *logFile) reopen() error { return l.use(l.opts) }

func (l *logFile) reconfigure(o Options) error {
	if o.Path != l.opts.Path {
		return l.use(o)
	}
	l.opts = o
	if l.regular && o.RotateAge > 0 {
		l.w.janitor.clean(l.w, l.target, o.RotateAge, o.Compress)
	}
	return nil
}

// use makes o.Path the log.
func (l *logFile) use(o Options) error {
	f, target, err := l.w.openTarget(o.Path)
	if err != nil {
		return err
	}
	regular := false
	if target != "" {
		info, err := f.Stat()
		if err != nil {
			_ = f.Close() // the first error is the one to tell
			return fmt.Errorf("open the log: %w", err)
		}
		regular = info.Mode().IsRegular()
	}
	old, owned := l.f, l.target != ""
	if !sameFile(old, f) {
		l.torn.done = 0 // a new file needs the whole record
	}
	l.opts, l.f, l.target, l.regular = o, f, target, regular
	l.looked, l.size = time.Time{}, 0
	err = l.capture()
	if owned {
		_ = old.Close() // nothing is buffered: every write has returned
	}
	return err
}

// sameFile reports whether b is the file a, opened once more; a may be nil.
func sameFile(a, b *os.File) bool {
	if a == nil {
		return false
	}
	there, err := a.Stat()
	if err != nil {
		return false
	}
	here, err := b.Stat()
	return err == nil && os.SameFile(there, here)
}

// openTarget opens what a path of the options means. target is the file's name
// with symbolic links resolved.
func (w *Writer) openTarget(path string) (f *os.File, target string, err error) {
	switch path {
	case "":
		return w.kept.file[1], "", nil
	case "-":
		return w.kept.file[0], "", nil
	}
	target, err = filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil // to be created
	}
	if err == nil {
		f, err = openAppend(target)
	}
	if err != nil {
		return nil, "", fmt.Errorf("open the log: %w", err)
	}
	return f, target, nil
}

// append writes whole records, rotating before one that does not fit. n is what
// needs no further attempt: written, or begun and kept in torn.
func (l *logFile) append(b []byte) (n int, err error) {
	if err := l.refresh(false); err != nil {
		return 0, err
	}
	if err := l.finishTorn(); err != nil {
		return 0, err
	}
	for n < len(b) {
		chunk, err := l.nextChunk(b[n:])
		if err != nil {
			return n, err
		}
		done, err := l.write(b[n : n+chunk])
		n += done
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// refresh learns the file's size (what we captured is in it too, and a copying
// rotation truncates it) and goes after a file that was moved. The path is looked
// at now and then only, unless look. An error means that a record written now
// would be lost.
func (l *logFile) refresh(look bool) error {
	if !l.regular {
		return nil
	}
	size, gone, err := fileState(l.f)
	if err != nil {
		return fmt.Errorf("look at the log: %w", err)
	}
	l.size = size
	if !gone && !look && time.Since(l.looked) < recheck {
		return nil
	}
	moved, err := l.follow()
	switch {
	case err == nil && moved:
		l.size, _, err = fileState(l.f)
		return err
	case err == nil:
		l.followErr = false
		return nil
	case gone:
		return err
	}
	// The old file still has a name: records go there, as before.
	if !l.followErr {
		l.followErr = true
		l.w.complain(fmt.Sprintf("the log was moved and cannot be opened again: %v", err))
	}
	return nil
}

// follow opens the path again if it is no longer our file, and reports whether
// it is not. An error leaves the old file in use.
func (l *logFile) follow() (moved bool, err error) {
	if !l.regular {
		return false, nil
	}
	l.looked = time.Now()
	ours, err := l.f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the log: %w", err)
	}
	if there, err := os.Stat(l.opts.Path); err == nil && os.SameFile(ours, there) {
		return false, nil
	}
	return true, l.reopen()
}

// nextChunk returns how many bytes of b go into the file as it is, after a
// rotation if one is due. b is not empty.
func (l *logFile) nextChunk(b []byte) (int, error) {
	limit := l.opts.RotateSize
	if !l.regular || l.opts.RotateAge <= 0 || limit <= 0 || l.size+int64(len(b)) <= limit {
		return len(b), nil
	}
	if n := wholeRecords(b, int(max(limit-l.size, 0))); n > 0 {
		return n, nil
	}
	if l.size > 0 && !l.rotate() {
		return len(b), nil // too large a file is better than none
	}
	if n := wholeRecords(b, int(max(limit-l.size, 0))); n > 0 {
		return n, nil
	}
	if n := firstRecord(b); n > 0 {
		return n, nil
	}
	return len(b), nil
}

// write writes whole records to the file. If the file fails within one, n covers
// that record and torn has it.
func (l *logFile) write(b []byte) (n int, err error) {
	n, err = l.w.tune.write(l.f, b)
	l.size += int64(n)
	if err == nil {
		return n, nil
	}
	start := 0
	for end := start; end < n; {
		start = end
		length := firstRecord(b[end:])
		if length == 0 {
			length = len(b) - end
		}
		end += length
		if end > n {
			l.torn = torn{record: slices.Clone(b[start:end]), done: n - start}
			return end, fmt.Errorf("write the log: %w", err)
		}
	}
	return n, fmt.Errorf("write the log: %w", err)
}

func (l *logFile) finishTorn() error {
	if l.torn.record == nil {
		return nil
	}
	if l.regular && l.size < int64(l.torn.done) {
		l.torn.done = 0 // the file was truncated, and the beginning with it
	}
	n, err := l.w.tune.write(l.f, l.torn.record[l.torn.done:])
	l.size += int64(n)
	l.torn.done += n
	if err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	l.torn = torn{}
	return nil
}

// unfinished returns the number of records that are in the file only in part.
func (l *logFile) unfinished() uint64 {
	if l.torn.record == nil {
		return 0
	}
	return 1
}

// rotate moves the file aside and opens a new one. A failure is reported once,
// in the log and on stderr, and tried again later.
func (l *logFile) rotate() bool {
	now := time.Now()
	if now.Before(l.nextRotate) {
		return false
	}
	if moved, err := l.follow(); moved {
		return err == nil && l.fits()
	}
	err := l.renamer.rename(l.target)
	// Renaming may work and what lumberjack does after that fail, or somebody else
	// may come between; it is done if there is another file now.
	if moved, ferr := l.follow(); err == nil || moved {
		err = ferr
	}
	if err != nil {
		l.nextRotate = now.Add(max(l.w.tune.retry, time.Second))
		l.reportRotation(err)
		return false
	}
	l.rotateErr = false
	l.w.janitor.clean(l.w, l.target, l.opts.RotateAge, l.opts.Compress)
	return l.fits()
}

// fits reports whether a file opened just now has room.
func (l *logFile) fits() bool {
	size, _, err := fileState(l.f)
	l.size = size
	return err == nil && size < l.opts.RotateSize
}

func (l *logFile) reportRotation(err error) {
	if l.rotateErr {
		return
	}
	l.rotateErr = true
	msg := fmt.Sprintf("cannot rotate the log, it grows until that works: %v", err)
	l.w.complain(msg)
	// If the file cannot take this either, the records that follow will tell.
	_, _ = l.write(appendNotice(nil, l.w.isJSON.Load(), logrus.ErrorLevel, msg))
}

// capture points descriptors 1 and 2 at the file, or back where they were.
func (l *logFile) capture() error {
	if !l.regular {
		return l.w.kept.restore()
	}
	return l.w.kept.point(l.f)
}

func (l *logFile) close() error {
	if l.target == "" {
		return nil
	}
	return l.f.Close()
}
