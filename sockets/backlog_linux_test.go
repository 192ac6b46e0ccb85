package sockets

import (
	"testing"

	"golang.org/x/sys/unix"
)

func checkBacklog(t *testing.T, fd, want int) {
	t.Helper()
	info := must(unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO))(t)
	if int(info.Sacked) != want { // of a listener: the queue's limit
		t.Errorf("backlog %d, not %d", info.Sacked, want)
	}
}
