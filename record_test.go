//go:build unix

package serverengine_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// record is one line of a log in JSON. A line that is none is only its msg.
type record struct {
	Time        time.Time `json:"time"`
	Level       string    `json:"level"`
	Pid         int       `json:"pid"`
	Msg         string    `json:"msg"`
	Worker      *int      `json:"worker"`
	Incarnation string    `json:"incarnation"`
	WorkerPid   int       `json:"worker_pid"`
	Stream      string    `json:"stream"`
	Signal      string    `json:"signal"`
	Uptime      string    `json:"uptime"`
	Code        *int      `json:"code"`
	Lost        int       `json:"lost"`
	line        string
}

// decode takes further fields of a record.
func (r record) decode(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.line), v); err != nil {
		t.Fatal(err)
	}
}

// logReader follows a log, also into a new file of the same name.
type logReader struct {
	path string

	mu      sync.Mutex
	file    *os.File
	rest    []byte
	records []record
	from    int // of what says looks at
}

// mark makes what comes from now on the place where says looks.
func (r *logReader) mark() {
	all := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.from = len(all)
}

// since is what was logged after the mark.
func (r *logReader) since() []record {
	all := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	return all[r.from:]
}

// read returns all records so far.
func (r *logReader) read() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.more() {
	}
	return r.records
}

// more reads to the end of the open file and reports whether there is a newer one.
func (r *logReader) more() bool {
	if r.file == nil {
		f, err := os.Open(r.path)
		if err != nil {
			return false
		}
		r.file = f
	}
	mine, err := r.file.Stat()
	now, gone := os.Stat(r.path)
	b, _ := io.ReadAll(r.file)
	r.take(b)
	if err != nil || gone != nil || os.SameFile(mine, now) {
		return false
	}
	r.file.Close()
	r.file = nil
	return true
}

func (r *logReader) take(b []byte) {
	lines := bytes.Split(append(r.rest, b...), []byte("\n"))
	r.rest = bytes.Clone(lines[len(lines)-1])
	for _, line := range lines[:len(lines)-1] {
		var rec record
		if json.Unmarshal(line, &rec) != nil {
			rec = record{Msg: string(line)}
		}
		rec.line = string(line)
		r.records = append(r.records, rec)
	}
}

// says waits for a record after the mark whose message contains text.
func (tr *tree) says(text string) record {
	tr.t.Helper()
	return tr.finds(text, func(r record) bool { return strings.Contains(r.Msg, text) })
}

// saysOf is says for one incarnation.
func (tr *tree) saysOf(incarnation, text string) record {
	tr.t.Helper()
	return tr.finds(text+" of "+incarnation, func(r record) bool {
		return r.Incarnation == incarnation && strings.Contains(r.Msg, text)
	})
}

func (tr *tree) finds(what string, match func(record) bool) (found record) {
	tr.t.Helper()
	seen := 0
	eventually(tr.t, "the log says "+what, func() bool {
		all := tr.log.since()
		for _, r := range all[min(seen, len(all)):] {
			if match(r) {
				found = r
				return true
			}
		}
		seen = len(all)
		return false
	})
	return found
}

// silent wants no record after the mark that contains text.
func (tr *tree) silent(text string) {
	tr.t.Helper()
	if n := count(tr.log.since(), text); n > 0 {
		tr.t.Errorf("%d records say %q", n, text)
	}
}

func count(records []record, text string) int {
	n := 0
	for _, r := range records {
		if strings.Contains(r.Msg, text) {
			n++
		}
	}
	return n
}

// life is one life of a worker, as the log tells of it.
type life struct {
	slot        int
	incarnation string
	pid         int // 0 for a goroutine
	ready       bool
}

// lives are the workers that have started and not ended, by slot. An older life that
// drains is not among them once a newer one is ready.
func (tr *tree) lives() map[int]life {
	now := map[int]life{}
	next := map[int]life{}
	for _, r := range tr.log.read() {
		if r.Worker == nil {
			continue
		}
		slot := *r.Worker
		switch {
		case r.Msg == "worker started":
			next[slot] = life{slot: slot, incarnation: r.Incarnation, pid: r.WorkerPid}
		case r.Msg == "worker ready" && next[slot].incarnation == r.Incarnation:
			l := next[slot]
			l.ready = true
			now[slot] = l
		case strings.HasPrefix(r.Msg, "worker exited"):
			if now[slot].incarnation == r.Incarnation {
				delete(now, slot)
			}
		}
	}
	return now
}

// serving waits until n workers are ready and no other is there, and returns them.
func (tr *tree) serving(n int) map[int]life {
	tr.t.Helper()
	var lives map[int]life
	eventually(tr.t, "the wanted workers are ready", func() bool {
		lives = tr.lives()
		return len(lives) == n
	})
	return lives
}

// replaced waits until every one of these workers has a ready successor.
func (tr *tree) replaced(old map[int]life) map[int]life {
	tr.t.Helper()
	var lives map[int]life
	eventually(tr.t, "all workers are replaced", func() bool {
		lives = tr.lives()
		for slot, l := range old {
			if n, ok := lives[slot]; !ok || n.incarnation == l.incarnation {
				return false
			}
		}
		return true
	})
	for slot, l := range old {
		if l.pid != 0 && lives[slot].pid == l.pid {
			tr.t.Errorf("worker %d has its old pid %d", slot, l.pid)
		}
	}
	return lives
}

// same wants exactly these lives to go on.
func (tr *tree) same(old map[int]life) {
	tr.t.Helper()
	for slot, l := range tr.lives() {
		if old[slot] != l {
			tr.t.Errorf("worker %d was %+v and is %+v", slot, old[slot], l)
		}
	}
}
