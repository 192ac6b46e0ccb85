package sockets

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzActivation: whatever service managers say, each descriptor is given once, under some
// name and with a number that the kernel takes as it is; what is meant for another process
// gives nothing; and nonsense is an error of this package.
func FuzzActivation(f *testing.F) {
	f.Add("7", "2", "web:names", "1", "5")
	f.Add("7", "3", "a", "3", "3,5,5")
	f.Add("8", "2", "", "", "")
	f.Add("", "1", "", "2", "4294967299,-1")
	f.Add("7", "4097", "::", "4096", "3")
	f.Add("+7", "+1", ":x", "+1", "+4")
	f.Add("7", "0x3", "\xff", " 1", "99999999999999999999")
	f.Fuzz(func(t *testing.T, pid, fds, names, count, einhorn string) {
		a := activation{"LISTEN_PID": pid, "LISTEN_FDS": fds, "LISTEN_FDNAMES": names, "EINHORN_FD_COUNT": count}
		for i, v := range strings.Split(einhorn, ",") {
			a[einhornPrefix+strconv.Itoa(i)] = v
		}
		all, err := a.parse(7)
		if err != nil && (!errors.Is(err, ErrBadRequest) || len(err.Error()) > 1<<10) {
			t.Fatalf("%v", err)
		}
		seen := map[int]bool{}
		for _, x := range all {
			if x.fd < FirstListenFD || x.fd > math.MaxInt32 || x.name == "" || seen[x.fd] {
				t.Fatalf("%+v among %v", x, all)
			}
			seen[x.fd] = true
		}
		if len(all) > 2*maxSlots || pid != "7" && slices.ContainsFunc(all, func(x numbered) bool { return !strings.HasPrefix(x.name, einhornPrefix) }) {
			t.Fatalf("%d for process %q: %v", len(all), pid, all)
		}
		announcedAgain(t, all)
	})
}

// announcedAgain says in einhorn's way what was understood.
func announcedAgain(t *testing.T, all []numbered) {
	t.Helper()
	if len(all) > maxSlots {
		return
	}
	a := activation{"EINHORN_FD_COUNT": strconv.Itoa(len(all))}
	for i, x := range all {
		a[einhornPrefix+strconv.Itoa(i)] = strconv.Itoa(x.fd)
	}
	again, err := a.parse(0)
	if err != nil || !slices.EqualFunc(all, again, func(x, y numbered) bool { return x.fd == y.fd }) {
		t.Fatalf("%v became %v, %v", all, again, err)
	}
}
