//go:build unix

package serverengine_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/sockets"
)

func init() {
	roles["activated command"] = playActivated
	roles["command of the socket manager"] = playOutsider
}

// playActivated is a program that takes its sockets as systemd and einhorn give them, and
// serves on the first. It knows nothing of this library.
func playActivated() {
	var names []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "LISTEN_") || strings.HasPrefix(v, "EINHORN_") {
			names = append(names, strings.Replace(v, fmt.Sprintf("PID=%d", os.Getpid()), "PID=mine", 1))
		}
	}
	slices.Sort(names)
	fmt.Println("here: " + strings.Join(names, " ") + fmt.Sprintf(" pid=%d ppid=%d", os.Getpid(), os.Getppid()))
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := 3; fd < 3+n; fd++ {
		ln, err := net.FileListener(os.NewFile(uintptr(fd), "activated"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if fd == 3 {
			defer serveUntilTerm(ln)
			continue
		}
		fmt.Println("it has " + ln.Addr().Network() + " " + ln.Addr().String() + " too")
	}
}

// playOutsider asks the socket manager for its socket.
func playOutsider() {
	fmt.Printf("here: pid=%d ppid=%d\n", os.Getpid(), os.Getppid())
	_, wrong := sockets.Dial(os.Getenv("SERVERENGINE_SOCKETMANAGER_PATH"), "a guess")
	fmt.Println("without the token:", wrong)
	c, err := sockets.Dial(os.Getenv("SERVERENGINE_SOCKETMANAGER_PATH"), os.Getenv("SERVERENGINE_SOCKETMANAGER_TOKEN"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	ln, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	serveUntilTerm(ln)
}

// serveUntilTerm is the server of a program that was written for any supervisor: after a
// TERM it answers what it has accepted, one request for each connection, and ends.
// (http.Server's Shutdown answers no request that it reads after its call.)
func serveUntilTerm(ln net.Listener) {
	fmt.Printf("serving on %s\n", ln.Addr())
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		ln.Close()
	}()
	var open sync.WaitGroup
	for {
		c, err := ln.Accept()
		if err != nil {
			open.Wait()
			os.Exit(0)
		}
		open.Go(func() {
			defer c.Close()
			if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				body := fmt.Sprintf("worker=%s pid=%d\n", os.Getenv("SERVERENGINE_WORKER_ID"), os.Getpid())
				fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
		})
	}
}

// A command gets its sockets as a service manager would give them: announced to its own
// pid, in the listed order.
func TestCommandGetsItsSocketsByActivation(t *testing.T) {
	t.Parallel()
	c := playing(t, "activated command")
	path := shortDir(t) + "/second"
	c.Listen = []string{"tcp://127.0.0.1:0", "unix://" + path}
	tr := spawn(t, c)
	tr.serving(1)
	line, _, _ := tr.commandOf("1.0.1")
	names := "tcp_//127.0.0.1_0:unix_//" + strings.ReplaceAll(path, ":", "_")
	want := "EINHORN_FD_0=3 EINHORN_FD_1=4 EINHORN_FD_COUNT=2 LISTEN_FDNAMES=" + names + " LISTEN_FDS=2 LISTEN_PID=mine"
	if !contains(line.Msg, want) {
		t.Errorf("want %q: %s", want, line.Msg)
	}
	tr.says("it has unix " + path + " too")
	if body := tr.mustGet("/"); field(body, "worker") != "0" {
		t.Errorf("the answer is %q", body)
	}
}

// listeningCommand is that of a role that gets its socket from the top in either way.
func listeningCommand(t *testing.T, role string) serverengine.Command {
	t.Helper()
	c := playing(t, role)
	if role == "activated command" {
		c.Listen = []string{"127.0.0.1:0"}
	}
	return c
}

// shortDir is a directory whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "se")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// The socket is the top's: no connection is refused while commands are replaced that know
// nothing of this library, nor when one crashes.
func TestRestartOfCommandsRefusesNoConnection(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"activated command", "command of the socket manager"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			c := listeningCommand(t, role)
			tr := spawn(t, c, keys{"workers": 2, "restart_worker_interval": 0})
			before := tr.serving(2)
			l := tr.load(4, false)
			for range 2 {
				l.reaches(t, answers(100))
				tr.signal(syscall.SIGUSR1)
				before = tr.replaced(before)
				tr.says("graceful restart finished")
			}
			l.reaches(t, answers(100))
			l.finish()
			l.clean(t)
			tr.kill(before[0].pid, syscall.SIGKILL)
			if _, err := tr.get("/"); err != nil && strings.Contains(err.Error(), "refused") {
				t.Error(err)
			}
			tr.replaced(map[int]life{0: before[0]})
			if role == "command of the socket manager" {
				tr.log.rewind()
				tr.says("without the token: ")
				tr.says("wrong token")
			}
		})
	}
}

// A program of a user without rights reaches the socket manager of a server that is root's.
func TestSocketManagerServesWhatRunsAsWorkerChuser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may choose who a command runs as")
	}
	t.Parallel()
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := playing(t, "command of the socket manager")
	program := dir + "/program"
	install(t, program, "")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	c.Path = program
	tr := spawn(t, c, keys{"worker_chuser": "1234", "worker_chgroup": "2345"})
	tr.serving(1)
	tr.mustGet("/")
}
