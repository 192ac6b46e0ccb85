//go:build unix

package procbridge

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go/messages"
)

// crashVar makes a child panic before its main.
const crashVar = "PROCBRIDGE_TEST_CRASH_IN_INIT"

func init() {
	roles = map[string]func(){
		"obedient":            playObedient,
		"crash in init":       func() { panic("main was reached") },
		"exits before Hello":  func() { os.Exit(5) },
		"panics":              func() { greet(); panic("boom") },
		"crash":               playCrash,
		"wrong version":       playWrongVersion,
		"no Hello":            func() { mustParent().Send(messages.Ready{}); playDeaf() },
		"garbage":             playGarbage,
		"bad body":            playBadBody,
		"half a frame":        playHalfAFrame,
		"deaf":                func() { greet(); playDeaf() },
		"never reads":         playNeverReads,
		"mute":                func() { obey(greet()) },
		"chatty":              playChatty,
		"newer":               playNewer,
		"closes its pipes":    playClosesPipes,
		"fills stderr":        playFillsStderr,
		"ignores signals":     playIgnoresSignals,
		"wedged runtime":      playWedged,
		"holds the pipes":     func() { playForker(false) },
		"escapes":             func() { playForker(true) },
		"inner sleeper":       func() { select {} },
		"middle":              playMiddle,
		"inner witness":       playWitness,
		"slow consumer":       playSlowConsumer,
		"last words":          playLastWords,
		"titled":              playTitled,
		"reports itself":      playReportsItself,
		"holds a listener":    playHoldsListener,
		"sink":                playSink,
		"echo":                playEcho,
		"writes to nobody":    playWritesToNobody,
		"keeps its life-line": func() { obey(greet()) },
	}
	if os.Getenv(crashVar) != "" {
		panic("crash in init")
	}
}

var roles map[string]func()

func mustParent() *Parent {
	p, err := Inherited()
	if err != nil || p == nil {
		fmt.Fprintln(os.Stderr, "no parent:", err)
		os.Exit(97)
	}
	return p
}

func greet() *Parent {
	p := mustParent()
	if err := p.Hello("test"); err != nil {
		os.Exit(96)
	}
	return p
}

// obey does what it is told until it is told to stop, or the parent is gone: exit 7.
func obey(p *Parent) {
	go func() {
		for d := range p.Deliveries() {
			p.Reply(messages.Reply{ID: d.ID, Type: d.Type, Body: d.Body})
		}
	}()
	for c := range p.Commands() {
		switch c := c.(type) {
		case messages.Stop:
			p.Send(messages.Closing{})
			p.Flush(time.Minute)
			os.Exit(0)
		case messages.ScaleBy:
			os.Exit(c.Delta)
		default:
			p.Send(messages.Requested{Command: c})
		}
	}
	os.Exit(7)
}

func playObedient() {
	p := greet()
	p.Send(messages.Ready{})
	p.Beats(20 * time.Millisecond)
	obey(p)
}

// playCrash greets, and dies when it is told anything.
func playCrash() {
	p := greet()
	<-p.Commands()
	unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

func playWrongVersion() {
	p := mustParent()
	p.Send(messages.Hello{Min: 7, Max: 9, Build: "tomorrow", Pid: os.Getpid()})
	obey(p)
}

// rawPipes are the pipes without the bridge.
func rawPipes() (down, up *os.File) { return os.NewFile(3, "down"), os.NewFile(4, "up") }

func rawHello(up io.Writer) {
	frame, err := Encode(nil, messages.Hello{Min: 1, Max: 1, Build: "raw", Pid: os.Getpid()})
	if err == nil {
		_, err = up.Write(frame)
	}
	if err != nil {
		os.Exit(95)
	}
}

// playGarbage writes far more than a pipe holds: only a parent that goes on emptying it
// lets this role come to its exit.
func playGarbage() {
	_, up := rawPipes()
	rawHello(up)
	line := bytes.Repeat([]byte("this is a debug print\n"), 1000)
	for range 50 {
		if _, err := up.Write(line); err != nil {
			os.Exit(95)
		}
	}
	os.Exit(6)
}

func playBadBody() {
	_, up := rawPipes()
	rawHello(up)
	up.Write([]byte("SE\x01\x44\x00\x00\x00\x04nope"))
	playDeaf()
}

func playHalfAFrame() {
	_, up := rawPipes()
	rawHello(up)
	up.Write([]byte("SE\x01\x44\x00\x00\x00\x10{\"N\""))
	playDeaf()
}

// playDeaf takes nothing from any channel and ends only by a signal.
func playDeaf() { select {} }

// playNeverReads leaves the down pipe full.
func playNeverReads() {
	_, up := rawPipes()
	rawHello(up)
	playDeaf()
}

// playChatty sends far more than is read at a time, and stops when it is told to.
func playChatty() {
	p := greet()
	for k := range 20000 {
		p.Send(messages.JobsDone{N: k})
	}
	obey(p)
}

// playNewer uses types of a later version in between.
func playNewer() {
	_, up := rawPipes()
	rawHello(up)
	up.Write([]byte("SE\x01\x7f\x00\x00\x00\x03abc"))  // an event of type 127
	up.Write([]byte("SE\x01\x46\x00\x00\x00\x01\x3f")) // a wish of type 63
	up.Write([]byte("SE\x01\xc8\x00\x00\x00\x00"))     // above all types
	up.Write([]byte("SE\x01\x41\x00\x00\x00\x02{}"))   // Ready
	os.Exit(0)
}

func playClosesPipes() {
	down, up := rawPipes()
	rawHello(up)
	down.Close()
	up.Close()
	playDeaf()
}

func playFillsStderr() {
	p := greet()
	p.Beats(20 * time.Millisecond)
	go func() {
		for {
			os.Stderr.Write(bytes.Repeat([]byte("x"), 4096))
		}
	}()
	obey(p)
}

func playIgnoresSignals() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGQUIT)
	obey(greet())
}

// playWedged needs GODEBUG=asyncpreemptoff=1: a collection then waits for ever for a loop
// that never yields, and no goroutine runs again.
func playWedged() {
	p := greet()
	p.Beats(10 * time.Millisecond)
	p.Send(messages.Ready{})
	p.Flush(time.Minute)
	go func() {
		for {
			runtime.GC()
		}
	}()
	spin()
}

var spun int

//go:noinline
func spin() {
	for n := 0; ; n++ {
		if n < 0 {
			spun = n
		}
	}
}

// playForker leaves a grandchild with everything it has, and exits.
func playForker(leaveGroup bool) {
	_, up := rawPipes()
	rawHello(up)
	os.Unsetenv(EnvVar)
	os.Setenv(roleVar, "inner sleeper")
	proc, err := os.StartProcess("/proc/self/exe", []string{"sleeper"}, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, os.NewFile(3, "down"), up},
		Sys:   &syscall.SysProcAttr{Setsid: leaveGroup},
	})
	if err != nil {
		os.Exit(94)
	}
	frame, _ := Encode(nil, messages.JobsDone{N: proc.Pid})
	up.Write(frame)
	os.Exit(4)
}

// playMiddle is a parent itself: of a witness that gets the report file.
func playMiddle() {
	p := greet()
	img, err := CurrentImage()
	if err != nil {
		os.Exit(93)
	}
	child, err := Start(Command{
		Image: img, Wire: true, Info: map[string]string{"role": "inner witness"}, Stderr: os.Stderr,
		Files: []NamedFile{{"report", p.File("report")}},
	})
	if err != nil {
		os.Exit(92)
	}
	for e := range child.Events() {
		if f, ok := e.(Frame); ok {
			p.Send(f.Event)
		}
	}
	os.Exit(91)
}

// playWitness writes when its parent has gone.
func playWitness() {
	p := greet()
	p.Send(messages.Ready{})
	<-p.Gone()
	fmt.Fprintf(p.File("report"), "%d\n", monotonic())
	os.Exit(0)
}

// monotonic is a clock that processes share, in nanoseconds.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}

// playSlowConsumer takes no delivery until it is told so.
func playSlowConsumer() {
	p := greet()
	<-p.Commands()
	n := 0
	for range len(p.Deliveries()) {
		<-p.Deliveries()
		n++
	}
	p.Send(messages.JobsDone{N: n})
	p.Send(messages.JobsDone{N: int(p.Dropped())})
	obey(p)
}

// playLastWords writes as much as a pipe holds and exits without waiting for a reader.
func playLastWords() {
	p := greet()
	for k := range 1000 {
		p.Send(messages.JobsDone{N: k})
	}
	p.Flush(time.Minute)
	os.Exit(0)
}

func playTitled() {
	p := greet()
	before := strings.Join(os.Args, " ")
	for _, title := range []string{"myserver: worker 3, with a title that is longer than the arguments were", "short"} {
		err := SetTitle(title)
		args, _ := os.ReadFile("/proc/self/cmdline")
		comm, _ := os.ReadFile("/proc/self/comm")
		p.Send(messages.ConfigSeen{Err: fmt.Sprintf("%v|%s|%s|%t", err,
			strings.TrimRight(string(args), "\x00"), strings.TrimSpace(string(comm)), before == strings.Join(os.Args, " "))})
	}
	p.Flush(time.Minute)
}

// playReportsItself tells who and where it is.
func playReportsItself() {
	p := greet()
	cwd, _ := os.Getwd()
	groups, _ := os.Getgroups()
	program, _ := ResolveProgram()
	comm, _ := os.ReadFile("/proc/self/comm")
	p.Send(messages.ConfigSeen{Err: strings.Join([]string{
		strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()), fmt.Sprint(groups), cwd, program,
		strings.TrimSpace(string(comm)), os.Getenv("GREETING"), os.Getenv(EnvVar) + os.Getenv("LISTEN_FDS") + os.Getenv("NOTIFY_SOCKET"),
		p.Info("role"), strings.Join(os.Args, " "),
	}, "|")})
	p.Flush(time.Minute)
}

// playHoldsListener accepts one connection on the descriptor it was given.
func playHoldsListener() {
	p := greet()
	ln, err := net.FileListener(p.File("listener"))
	if err != nil {
		os.Exit(90)
	}
	p.Send(messages.Ready{})
	go func() {
		c, err := ln.Accept()
		if err == nil {
			fmt.Fprintln(c, "hello")
			c.Close()
		}
	}()
	obey(p)
}

// playWritesToNobody is started with stdout and stderr on a pipe without a reader.
func playWritesToNobody() {
	p := greet()
	for range 10 {
		fmt.Println("nobody reads this")
		fmt.Fprintln(os.Stderr, "nor this")
	}
	p.Send(messages.Ready{})
	obey(p)
}
