package serverengine_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
)

// A reload to an address that overlaps with the old one fails in the first replacement: the
// old workers go on where they were.
func TestReloadToAnOverlappingAddressIsAborted(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 2, "address": "127.0.0.1:" + port})
	before := tr.serving(2)
	old := tr.address()
	tr.configure(keys{"address": "0.0.0.0:" + port})
	tr.signal(syscall.SIGUSR1)
	tr.says("graceful restart aborted, the old workers go on")
	tr.log.rewind()
	if r := tr.says("overlaps with an open address"); !strings.Contains(r.Msg, "another port") {
		t.Errorf("the log says %s", r.line)
	}
	for slot, l := range tr.serving(2) {
		if l != before[slot] {
			t.Errorf("worker %d was replaced", slot)
		}
	}
	c, _, err := tr.speaker("tcp", old)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}
