package serverengine_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/serverengine/serverengine-go"
	"github.com/serverengine/serverengine-go/sockets"
)

func init() {
	roles["queues"] = func() { run(queuesApp()) }
	roles["command with queues"] = playQueues
}

// queueOf is the longest that a listener's queue may become, as the kernel has it.
func queueOf(ln net.Listener) string {
	raw, err := ln.(syscall.Conn).SyscallConn()
	if err != nil {
		return err.Error()
	}
	longest := ""
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		longest = fmt.Sprint(info.Sacked, err) // of a listener: its backlog
	})
	if err != nil {
		return err.Error()
	}
	return longest
}

// queuesApp listens in every way that a server and its workers have.
func queuesApp() serverengine.App {
	return serverengine.App{
		Server: func(s *serverengine.Server) (any, error) { return listeningServer{s}, nil },
		Worker: serverengine.Func(func(ctx context.Context, self *serverengine.Self) error {
			ln, err := self.Listen("tcp", "127.0.0.2:0")
			if err != nil {
				return err
			}
			self.Logger().Infof("the worker's queue: %s", queueOf(ln))
			<-ctx.Done()
			return nil
		}),
	}
}

type listeningServer struct{ *serverengine.Server }

func (s listeningServer) BeforeRun() error {
	ln, err := s.Listen("tcp", "127.0.0.3:0")
	if err == nil {
		say("the server's queue: %s", queueOf(ln))
	}
	return err
}

// playQueues is a command with a socket by activation and one of the socket manager's.
func playQueues() {
	ln, err := net.FileListener(os.NewFile(3, "activated"))
	if err == nil {
		fmt.Println("the activated queue:", queueOf(ln))
		var c *sockets.Client
		if c, err = sockets.Dial(os.Getenv("SERVERENGINE_SOCKETMANAGER_PATH"), os.Getenv("SERVERENGINE_SOCKETMANAGER_TOKEN")); err == nil {
			ln, err = c.Listen("tcp", "127.0.0.4:0")
		}
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("the manager's queue:", queueOf(ln))
	serveUntilTerm(ln)
}

// socket_backlog is the queue of every listener, whoever asked for it.
func TestBacklogIsThatOfEveryListener(t *testing.T) {
	t.Parallel()
	for _, supervisor := range []bool{false, true} {
		tr := start(t, "queues", keys{"worker_type": "process", "workers": 1, "supervisor": supervisor, "socket_backlog": 7})
		tr.says("the server's queue: 7 <nil>")
		tr.says("the worker's queue: 7 <nil>")
	}
	c := playing(t, "command with queues")
	c.Listen = []string{"127.0.0.5:0"}
	tr := spawn(t, c, keys{"socket_backlog": 9})
	tr.says("the activated queue: 9 <nil>")
	tr.says("the manager's queue: 9 <nil>")
}

// What the configuration allows, a worker can ask for.
func TestLargestBacklogReachesTheOwner(t *testing.T) {
	t.Parallel()
	tr := start(t, "queues", keys{"worker_type": "process", "workers": 1, "socket_backlog": sockets.MaxBacklog})
	somaxconn, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Skip(err)
	}
	tr.says(fmt.Sprintf("the worker's queue: %d <nil>", atoi(t, string(somaxconn[:len(somaxconn)-1]))))
	cfg := serverengine.Default()
	for n, ok := range map[int]bool{sockets.MaxBacklog: true, sockets.MaxBacklog + 1: false} {
		if cfg.SocketBacklog = n; (cfg.Validate() == nil) != ok {
			t.Errorf("a backlog of %d: %v", n, cfg.Validate())
		}
	}
}
