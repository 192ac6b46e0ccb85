package logging

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/sirupsen/logrus"
	lumberjack "gopkg.in/natefinch/lumberjack.v2"
)

// Backups have lumberjack's names, so that its tools and habits fit:
// app.log becomes app-2006-01-02T15-04-05.000.log (UTC), with .gz if compressed.
const (
	backupTime = "2006-01-02T15-04-05.000"
	gzSuffix   = ".gz"
)

// renamer moves logs aside and remembers which names are in use.
type renamer struct {
	path   string
	newest time.Time // of the stamps of path's backups
}

// rename has lumberjack move path aside under a time-stamped name and create an
// empty file with the same mode and owner in its place.
//
// Of lumberjack only Rotate is used. Its Write knows no bytes (sizes are whole
// MiB), refuses records longer than the limit and opens new files without
// O_APPEND. Its clean-up of backups is done by janitor instead, because
// lumberjack's runs in a goroutine that can never be ended.
func (r *renamer) rename(path string) error {
	if r.path != path {
		newest, err := newestBackup(path)
		if err != nil {
			return err
		}
		r.path, r.newest = path, newest
	}
	if err := r.awaitFreeName(); err != nil {
		return err
	}
	l := &lumberjack.Logger{Filename: path}
	withoutMill(l)
	err := l.Rotate()
	if cerr := l.Close(); err == nil {
		err = cerr
	}
	if now := time.Now(); now.After(r.newest) {
		r.newest = now // not before the stamp that was used
	}
	if err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	return nil
}

// awaitFreeName returns when the name that a rotation uses from now on is free:
// lumberjack overwrites a backup with the same stamp, which counts milliseconds.
// A stamp later than all there are is free however long lumberjack takes to get
// to it. If the clock was set back far, waiting for that takes too long; then the
// names of the next milliseconds have to be free.
func (r *renamer) awaitFreeName() error {
	const patience = 50 * time.Millisecond
	for range int(patience / time.Millisecond) {
		now := time.Now().Truncate(time.Millisecond)
		if now.After(r.newest) || r.newest.Sub(now) > patience && r.free(now) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("rotate: the names of backups are taken")
}

func (r *renamer) free(now time.Time) bool {
	for ahead := range 20 {
		name := backupName(r.path, now.Add(time.Duration(ahead)*time.Millisecond))
		if exists(name) || exists(name+gzSuffix) {
			return false
		}
	}
	return true
}

// newestBackup returns the stamp of path's newest backup, or the zero time.
func newestBackup(path string) (time.Time, error) {
	names, err := backups(path)
	if err != nil || len(names) == 0 {
		return time.Time{}, err
	}
	stamp, ok := stampOf(path, filepath.Base(names[len(names)-1]))
	if !ok {
		return time.Time{}, fmt.Errorf("%s is no old log", names[len(names)-1])
	}
	return stamp, nil
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func backupName(path string, t time.Time) string {
	dir, prefix, ext := splitName(path)
	return filepath.Join(dir, prefix+t.UTC().Format(backupTime)+ext)
}

// splitName returns the parts of path around a backup's time stamp.
func splitName(path string) (dir, prefix, ext string) {
	dir, base := filepath.Split(path)
	ext = filepath.Ext(base)
	return dir, strings.TrimSuffix(base, ext) + "-", ext
}

// withoutMill keeps l from starting its goroutine at the first rotation. The
// goroutine would wait for ever on a channel nobody can close, one per rotation
// here, and in a synctest bubble it would be the end of the test. With no limits
// set it has nothing to do. There is no other way than to use up the sync.Once
// that starts it; if lumberjack changes so that it is not found, the goroutine is
// back and a test fails.
func withoutMill(l *lumberjack.Logger) {
	f := reflect.ValueOf(l).Elem().FieldByName("startMill")
	if !f.IsValid() || f.Type() != reflect.TypeFor[sync.Once]() {
		return
	}
	(*sync.Once)(unsafe.Pointer(f.UnsafeAddr())).Do(func() {})
}

// janitor removes and compresses backups in a goroutine that exists only while
// there is something to do.
type janitor struct {
	mu      sync.Mutex
	running chan struct{} // closed when the goroutine ends; nil if there is none
	again   func()        // the newest request that came while it ran
}

func (j *janitor) clean(w *Writer, path string, keep int, compress bool) {
	job := func() {
		if err := cleanBackups(path, keep, compress); err != nil {
			// ErrClosed is possible here, and then there is no log to tell it.
			_, _ = w.Write(appendNotice(nil, w.isJSON.Load(), logrus.WarnLevel,
				fmt.Sprintf("cannot clean up old logs: %v", err)))
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.again = job
	if j.running == nil {
		j.running = make(chan struct{})
		go j.run()
	}
}

func (j *janitor) run() {
	for {
		j.mu.Lock()
		job := j.again
		j.again = nil
		if job == nil {
			close(j.running)
			j.running = nil
			j.mu.Unlock()
			return
		}
		j.mu.Unlock()
		job()
	}
}

// wait waits until the goroutine has ended, at most d.
func (j *janitor) wait(d time.Duration) {
	j.mu.Lock()
	running := j.running
	j.mu.Unlock()
	if running == nil {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-running:
	case <-timer.C:
	}
}

// cleanBackups removes all but the keep newest backups of path and compresses
// those that stay, if wanted.
func cleanBackups(path string, keep int, compress bool) error {
	names, err := backups(path)
	if err != nil {
		return err
	}
	for len(names) > keep {
		err = errors.Join(err, ignoreMissing(removeBackup(names[0])))
		names = names[1:]
	}
	if compress {
		for _, name := range names {
			err = errors.Join(err, ignoreMissing(compressFile(name)))
		}
	}
	return err
}

func removeBackup(name string) error {
	return errors.Join(ignoreMissing(os.Remove(name)), ignoreMissing(os.Remove(name+gzSuffix)))
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// backups returns the backups of path, oldest first, without .gz and each once.
func backups(path string) ([]string, error) {
	dir, _ := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("list old logs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := backupOf(path, e.Name()); ok && !e.IsDir() {
			names = append(names, filepath.Join(dir, name))
		}
	}
	slices.Sort(names) // the stamps sort as text
	return slices.Compact(names), nil
}

// backupOf tells whether a file beside path is one of its backups, and returns the backup's
// name without .gz. It is all that stands between a stranger's file and its removal.
func backupOf(path, name string) (string, bool) {
	if _, ok := stampOf(path, name); ok { // also where the log itself is named .gz
		return name, true
	}
	name, ok := strings.CutSuffix(name, gzSuffix)
	if ok {
		_, ok = stampOf(path, name)
	}
	return name, ok
}

// stampOf returns when a backup of path was made, if name is exactly that of one.
func stampOf(path, name string) (time.Time, bool) {
	_, prefix, ext := splitName(path)
	stamp, hasPrefix := strings.CutPrefix(name, prefix)
	stamp, hasExt := strings.CutSuffix(stamp, ext)
	t, err := time.Parse(backupTime, stamp)
	return t, hasPrefix && hasExt && err == nil && t.Format(backupTime) == stamp // Parse takes a comma, too
}

// compressFile replaces name by name.gz. The .gz appears only when complete, and
// the original goes only after that.
func compressFile(name string) error {
	if !exists(name) {
		return nil
	}
	src, err := os.Open(name)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	tmp := name + gzSuffix + ".tmp"
	if err := gzipTo(tmp, src, info.Mode().Perm()); err != nil {
		return errors.Join(fmt.Errorf("compress %s: %w", name, err), os.Remove(tmp))
	}
	if err := os.Rename(tmp, name+gzSuffix); err != nil {
		return err
	}
	return os.Remove(name)
}

func gzipTo(tmp string, src io.Reader, mode fs.FileMode) error {
	dst, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(dst)
	_, err = io.Copy(z, src)
	return errors.Join(err, z.Close(), dst.Close())
}
