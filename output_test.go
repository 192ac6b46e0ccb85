//go:build unix

package serverengine_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// Long lines and floods without an end of line hang nobody, and are in the log.
func TestLongLinesAndFloodsOnStdoutAndStderr(t *testing.T) {
	t.Parallel()
	tr := start(t, "noisy", keys{"worker_type": "process", "workers": 1})
	tr.says("stream 1 is written")
	tr.signal(syscall.SIGTERM)
	tr.exits(0)
	for _, stream := range []string{"stdout", "stderr"} {
		text := joined(tr.log.read(), stream)
		for _, size := range []int{64 << 10, 64<<10 + 1, 200 << 10} {
			want := fmt.Sprintf("line of %d begins %s ends", size, filler(size))
			if !strings.Contains(text, want) {
				t.Errorf("%s: the line of %d bytes is not whole", stream, size)
			}
		}
		if want := fmt.Sprintf("flood begins %s flood ends", filler(10<<20)); !strings.Contains(text, want) {
			t.Errorf("%s: of %d bytes without an end of line something is missing", stream, len(want))
		}
	}
}

// joined puts together what the log has cut: a piece that goes on ends with a mark, and
// the next begins with one.
func joined(records []record, stream string) string {
	var b strings.Builder
	for _, r := range records {
		if r.Stream != stream {
			continue
		}
		piece := strings.TrimPrefix(r.Msg, "...")
		rest, cut := strings.CutSuffix(piece, "...")
		b.WriteString(rest)
		if !cut {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
