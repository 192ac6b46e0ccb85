//go:build unix

package procbridge

import (
	"bufio"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go/messages"
)

func write(t *testing.T, name, content string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// elf is the beginning of a program for an architecture that this machine is not.
func elf() string {
	machine := byte(183)
	if runtime.GOARCH == "arm64" {
		machine = 62
	}
	b := make([]byte, 64)
	copy(b, "\x7fELF\x02\x01\x01")
	b[16], b[18], b[20] = 2, machine, 1
	return string(b)
}

func TestStartErrorsSayWhatIsWrong(t *testing.T) {
	clean(t)
	img, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	released, err := CurrentImage()
	if err != nil {
		t.Fatal(err)
	}
	released.Release()
	defer img.Release()
	for name, c := range map[string]struct {
		cmd  Command
		want []string
		is   error
	}{
		"nothing":        {Command{}, []string{"neither Image nor Path"}, nil},
		"both":           {Command{Image: img, Path: "x"}, []string{"both Image and Path"}, nil},
		"released":       {Command{Image: released}, []string{"released"}, nil},
		"missing":        {Command{Path: "/nowhere/at/all"}, []string{"/nowhere/at/all", "does not exist", "what exists is /"}, fs.ErrNotExist},
		"not in PATH":    {Command{Path: "no-such-program-here"}, []string{"not found in PATH"}, nil},
		"not executable": {Command{Path: write(t, "plain", "#!/bin/sh\n", 0o644)}, []string{"-rw-r--r--", "not executable", "chmod +x"}, fs.ErrPermission},
		"directory":      {Command{Path: t.TempDir()}, []string{"is a directory"}, fs.ErrPermission},
		"no #!":          {Command{Path: write(t, "script", "echo hello\n", 0o755)}, []string{"no format", "needs #!"}, syscall.ENOEXEC},
		"empty":          {Command{Path: write(t, "empty", "", 0o755)}, []string{"is empty"}, syscall.ENOEXEC},
		"architecture":   {Command{Path: write(t, "foreign", elf(), 0o755)}, []string{"another processor", runtime.GOARCH}, syscall.ENOEXEC},
		"system":         {Command{Path: write(t, "exe", "MZ\x90\x00", 0o755)}, []string{"another system (Windows)"}, syscall.ENOEXEC},
		"interpreter":    {Command{Path: write(t, "script", "#!/no/such/interpreter -x\n", 0o755)}, []string{"interpreter /no/such/interpreter does not exist"}, fs.ErrNotExist},
		"directory gone": {Command{Image: img, Dir: "/no/such/dir"}, []string{"working directory /no/such/dir does not exist"}, fs.ErrNotExist},
		"too large":      {Command{Image: img, Args: []string{strings.Repeat("x", 4<<20)}}, []string{"too large"}, syscall.E2BIG},
		"NUL":            {Command{Image: img, Args: []string{"a\x00b"}}, []string{"NUL"}, syscall.EINVAL},
		"two names":      {Command{Image: img, Wire: true, Files: []NamedFile{{"a", os.Stdin}, {"a", os.Stdin}}}, []string{`named "a"`}, nil},
		"foreign script": {Command{Path: write(t, "script", "#!/no/such\n", 0o755), Foreign: []*os.File{os.Stdin}}, []string{"interpreter /no/such"}, fs.ErrNotExist},
		"foreign format": {Command{Path: write(t, "text", "hello\n", 0o755), Foreign: []*os.File{os.Stdin}}, []string{"needs #!"}, syscall.ENOEXEC},
		"closed file":    {Command{Image: img, Wire: true, Files: []NamedFile{{"a", closedFile(t)}}}, []string{"duplicate", "closed"}, fs.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(c.cmd)
			var e *StartError
			if !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func closedFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return f
}

func TestPlainCommandHasOneEvent(t *testing.T) {
	clean(t)
	w, text := capture(t)
	p, err := Start(Command{
		Path: "sh", Args: []string{"sh", "-c", `read line; echo "got $line$?"; echo "$0 in $(pwd) has $NOTIFY_SOCKET."; exit 3`},
		Dir: "/", Env: append(testEnv(), "NOTIFY_SOCKET=/run/x", EnvVar+"={}"), Stdout: w, Stderr: w,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &child{p, t}
	if err := c.Send(graceful); !errors.Is(err, ErrNotForWire) {
		t.Errorf("Send: %v", err)
	}
	if err := c.WriteLine("STOP"); !errors.Is(err, ErrNotForWire) {
		t.Errorf("WriteLine: %v", err)
	}
	if x, ok := c.event().(Exited); !ok || x.Exit.Code != 3 || x.State.ExitCode() != 3 {
		t.Fatalf("the event is %+v", x)
	}
	if got := text(); got != "got 1\nsh in / has .\n" {
		t.Fatalf("it wrote %q", got)
	}
}

func TestLinesGoToStdin(t *testing.T) {
	clean(t)
	w, text := capture(t)
	p, err := Start(Command{Path: "sh", Args: []string{"sh", "-c", `while read -r w; do echo "<$w>"; done; exit 4`}, Lines: true, Stdout: w})
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"RELOAD", "GRACEFUL_STOP"} {
		if err := p.WriteLine(word); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.WriteLine("two\nlines"); err == nil {
		t.Error("two lines were taken as one word")
	}
	if err := p.Flush(patience); err != nil {
		t.Fatal(err)
	}
	p.CloseLifeline()
	(&child{p, t}).wantExit(messages.ExitReturned, 4)
	if got := text(); got != "<RELOAD>\n<GRACEFUL_STOP>\n" {
		t.Fatalf("it read %q", got)
	}
	if err := p.WriteLine("DUMP"); !errors.Is(err, ErrClosed) {
		t.Errorf("a word to the dead: %v", err)
	}
}

func TestForeignIsSocketActivation(t *testing.T) {
	clean(t)
	w, text := capture(t)
	a, b := write(t, "a", "first", 0o600), write(t, "b", "second", 0o600)
	var files []*os.File
	for _, path := range []string{a, b} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	script := write(t, "server", "#!/bin/sh\n"+
		`[ "$LISTEN_PID" = $$ ] && echo pid is right; echo $LISTEN_FDS $LISTEN_FDNAMES; cat <&3; cat <&4; echo " $*"; exit 9`, 0o755)
	p, err := Start(Command{
		Path: script, Args: []string{"ignored", "x y", "z"}, Stdout: w, Stderr: w,
		Foreign: files, ForeignNames: []string{"http", "https"},
	})
	if err != nil {
		t.Fatal(err)
	}
	(&child{p, t}).wantExit(messages.ExitReturned, 9)
	if got := text(); got != "pid is right\n2 http:https\nfirstsecond x y z\n" {
		t.Fatalf("it wrote %q", got)
	}
}

// A listener that a start made blocking would hang in Accept and in Close, for everybody.
func TestListenerStaysNonBlocking(t *testing.T) {
	clean(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := play(t, "holds a listener", func(c *Command) { c.Files = []NamedFile{{"listener", f}} })
	c.hello()
	frame[messages.Ready](c)

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "hello\n" {
		t.Fatalf("%q, %v", line, err)
	}

	accepted := make(chan error)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	ln.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	c.Send(graceful)
	c.wantExit(messages.ExitReturned, 0)
}

func TestSameGroupStaysInOurs(t *testing.T) {
	clean(t)
	c := play(t, "mute", func(c *Command) { c.SameGroup = true })
	c.hello()
	if pgid, err := syscall.Getpgid(c.Pid()); err != nil || pgid != syscall.Getpgrp() {
		t.Errorf("its group is %d, ours %d, %v", pgid, syscall.Getpgrp(), err)
	}
	if err := c.SignalGroup(syscall.SIGTERM); err != nil { // reaches it alone: this test lives
		t.Fatal(err)
	}
	c.wantExit(messages.ExitSignal, 128+15)

	other := play(t, "mute")
	other.hello()
	if pgid, err := syscall.Getpgid(other.Pid()); err != nil || pgid != other.Pid() {
		t.Errorf("its group is %d, its pid %d, %v", pgid, other.Pid(), err)
	}
	other.Kill()
	other.wantExit(messages.ExitSignal, 128+9)
}

// What somebody else reaped is still an end, with an unknown status.
func TestStolenStatusIsStillAnEnd(t *testing.T) {
	clean(t)
	c := play(t, "mute")
	c.hello()
	c.os.Kill()
	var ws syscall.WaitStatus
	pid, _ := syscall.Wait4(c.Pid(), &ws, 0, nil) // a race with our own wait: either may win
	x := c.exit()
	if pid == c.Pid() && !strings.Contains(x.Detail, ErrStatusLost.Error()) {
		t.Fatalf("it ended with %+v", x)
	}
}

func TestSignalNames(t *testing.T) {
	for _, name := range []string{"TERM", "SIGTERM", "term", " Term "} {
		if s, err := SignalByName(name); err != nil || s != syscall.SIGTERM {
			t.Errorf("%q: %v, %v", name, s, err)
		}
	}
	for name := range messages.DefaultSignals() {
		s, err := SignalByName(name)
		if err != nil || SignalName(s) != name {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	for _, name := range []string{"", "SIG", "NOPE", "15"} {
		if s, err := SignalByName(name); err == nil {
			t.Errorf("%q is %v", name, s)
		}
	}
}
