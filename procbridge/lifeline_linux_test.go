package procbridge

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go/messages"
)

// pipeEnd is one process's hold on one end of a pipe.
type pipeEnd struct {
	inode string
	write bool
}

// pipeEnds are the ends of pipes that a process holds.
func pipeEnds(t *testing.T, pid int) map[pipeEnd]bool {
	t.Helper()
	ends := map[pipeEnd]bool{}
	for _, open := range openFiles(pid) {
		number, link, _ := strings.Cut(open, "=")
		if !strings.HasPrefix(link, "pipe:") {
			continue
		}
		info, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "fdinfo", number))
		if errors.Is(err, os.ErrNotExist) {
			continue // closed since it was listed
		}
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(info)) {
			if flags, ok := strings.CutPrefix(line, "flags:"); ok {
				n, err := strconv.ParseUint(strings.TrimSpace(flags), 8, 64)
				if err != nil {
					t.Fatal(err)
				}
				ends[pipeEnd{link, n&unix.O_ACCMODE == unix.O_WRONLY}] = true
			}
		}
	}
	return ends
}

func inodeOf(t *testing.T, f *os.File) string {
	t.Helper()
	n, err := number(f)
	if err != nil {
		t.Fatal(err)
	}
	link, err := os.Readlink(fdPath(n))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// A life-line works only while nobody but the parent holds its other end: a sibling that
// had a copy would keep the child alive after the parent's death.
func TestOnlyTheParentHoldsTheOtherEnds(t *testing.T) {
	clean(t)
	family := make([]*child, 4)
	for k := range family {
		family[k] = play(t, "obedient")
		family[k].hello()
	}
	for _, one := range family {
		down, up := inodeOf(t, one.down), inodeOf(t, one.up)
		for _, pid := range allPids() {
			ends := pipeEnds(t, pid)
			self := pid == os.Getpid()
			for end, want := range map[pipeEnd]bool{
				{down, true}: self, {up, false}: self,
				{down, false}: pid == one.Pid(), {up, true}: pid == one.Pid(),
			} {
				if ends[end] != want {
					t.Errorf("pid %d (parent %d, child %d) holds %+v: %t, want %t",
						pid, os.Getpid(), one.Pid(), end, ends[end], want)
				}
			}
		}
	}
	for _, one := range family {
		one.Send(graceful)
		one.wantExit(messages.ExitReturned, 0)
	}
}

func TestKilledParentIsSeenAtOnce(t *testing.T) {
	clean(t)
	w, text := capture(t)
	c := play(t, "middle", func(c *Command) { c.Files = []NamedFile{{"report", w}} })
	c.hello()
	witness := frame[messages.Hello](c).Pid
	frame[messages.Ready](c)
	killed := monotonic()
	if err := c.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.wantExit(messages.ExitSignal, 128+9)
	seen, err := strconv.ParseInt(strings.TrimSpace(text()), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	late := time.Duration(seen - killed)
	t.Logf("seen after %s", late)
	if late < 0 || late > 5*time.Second {
		t.Fatalf("seen after %s", late)
	}
	eventually(t, "the witness has ended", func() bool { return !alive(witness) })
}

func TestCrashesAndRestartsCostNothing(t *testing.T) {
	clean(t)
	rounds := 1000
	if testing.Short() {
		rounds = 50
	}
	img, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	var descriptorsThen, threadsThen int
	for k := range rounds {
		c := play(t, "crash", func(c *Command) { c.Image = img })
		c.hello()
		c.Send(messages.Dump{})
		if x := c.exit(); x.Signal != "KILL" {
			t.Fatalf("round %d: %s", k, x)
		}
		switch k {
		case rounds / 10:
			descriptorsThen, threadsThen = len(descriptors(t)), threads(t)
		case rounds - 1:
			if n := len(descriptors(t)); n != descriptorsThen {
				t.Errorf("%d descriptors, %d after a tenth of the rounds: %v", n, descriptorsThen, descriptors(t))
			}
			if n := threads(t); n > threadsThen+5 {
				t.Errorf("%d threads, %d after a tenth of the rounds", n, threadsThen)
			}
		}
	}
}

func threads(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A hundred children are waited for in the poller, not by a hundred threads.
func TestWaitingCostsNoThread(t *testing.T) {
	clean(t)
	before := threads(t)
	family := make([]*child, 30)
	for k := range family {
		family[k] = play(t, "mute")
		family[k].hello()
	}
	if n := threads(t) - before; n > len(family)/2 {
		t.Errorf("%d more threads for %d children", n, len(family))
	}
	for _, one := range family {
		one.Kill()
		one.wantExit(messages.ExitSignal, 128+9)
	}
}

func TestTitle(t *testing.T) {
	clean(t)
	c := play(t, "titled", func(c *Command) { c.Args = []string{"titled", "-config", "a.yml"} })
	c.hello()
	for _, want := range []string{
		"<nil>|myserver: worker 3, with a title that is longer than the arguments were|myserver: worke|true",
		"<nil>|short|short|true",
	} {
		if got := frame[messages.ConfigSeen](c).Err; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	c.wantExit(messages.ExitReturned, 0)
}

// The runtime overwrites low descriptor numbers in the child, and the few above the
// highest one passed: the image must not be among them, wherever its number lies.
func TestImageIsExecutedWhateverIsOpen(t *testing.T) {
	clean(t)
	img, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	var fill []*os.File
	defer func() {
		for _, f := range fill {
			f.Close()
		}
	}()
	for n := 0; n < 2*imageFD; {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		fill = append(fill, f)
		if n, err = number(f); err != nil {
			t.Fatal(err)
		}
		if n < imageFD-12 && n > 20 || n > imageFD+12 {
			continue
		}
		c := play(t, "mute", func(c *Command) {
			c.Image = img
			c.Files = []NamedFile{{"low", fill[0]}, {"high", f}}
		})
		c.hello()
		c.Send(graceful)
		c.wantExit(messages.ExitReturned, 0)
	}
}

func TestUserIsChangedAndParentStaysDumpable(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may choose a user")
	}
	clean(t)
	c := play(t, "reports itself", func(c *Command) {
		c.User = &User{Uid: 65534, Gid: 65533, Groups: []uint32{65532}}
		c.Dir = "/"
		c.Args = []string{"myserver:", "worker", "3"}
	}, withEnv("GREETING=old", "LISTEN_FDS=3", "NOTIFY_SOCKET=/x", "GREETING=hello"))
	c.hello()
	exe, err := ResolveProgram()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("65534|65533|[65532]|/|%s|%.15s|hello||reports itself|myserver: worker 3", exe, filepath.Base(exe))
	got := frame[messages.ConfigSeen](c).Err
	got = strings.Replace(got, "[65533 65532]", "[65532]", 1) // getgroups may show the primary one
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c.wantExit(messages.ExitReturned, 0)
	if d, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || d != 1 {
		t.Errorf("the parent's dumpable flag is %d, %v", d, err)
	}
}

func TestNoRoomForDescriptors(t *testing.T) {
	clean(t)
	img, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	defer img.Release()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []uint64{3, 8, 30, 100} {
		low := old
		low.Cur = limit
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
			t.Fatal(err)
		}
		_, err = Start(Command{Image: img, Wire: true})
		if e := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); e != nil {
			t.Fatal(e)
		}
		if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}
