//go:build unix

package serverengine_test

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// eachSocketMode runs a story with one shared socket and with a socket per worker.
func eachSocketMode(t *testing.T, story func(t *testing.T, mode keys)) {
	for name, mode := range map[string]keys{"shared": {}, "reuseport": {"socket_reuseport": true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, mode)
		})
	}
}

func with(a, b keys) keys {
	all := keys{}
	for _, m := range []keys{a, b} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// Connections that nobody has accepted yet survive the replacement of all workers.
func TestQueuedConnectionsSurviveARestart(t *testing.T) {
	t.Parallel()
	eachSocketMode(t, func(t *testing.T, mode keys) {
		tr := start(t, "turns", with(mode, keys{"worker_type": "process", "workers": 4, "accept": false, "worker_graceful_kill_timeout": "60s"}))
		before := tr.serving(4)
		address := tr.address()
		answered := make(chan error, 200)
		for range 200 {
			c, err := net.DialTimeout("tcp", address, patience)
			if err != nil {
				t.Fatal(err)
			}
			go func() { answered <- awaitGreeting(c) }()
		}
		tr.configure(keys{"accept": true})
		tr.signal(syscall.SIGUSR1)
		tr.replaced(before)
		for n := range 200 {
			if err := <-answered; err != nil {
				t.Fatalf("after %d answers: %v", n, err)
			}
		}
	})
}

func awaitGreeting(c net.Conn) error {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience)) // a socket takes one
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "worker=") {
		err = fmt.Errorf("answer %q", line)
	}
	return err
}

// Restarts, reloads and scaling under load, in both modes: nothing is refused and nothing breaks.
func TestSocketsUnderLoad(t *testing.T) {
	t.Parallel()
	eachSocketMode(t, func(t *testing.T, mode keys) {
		tr := serve(t, "process", 3, with(mode, loadKeys))
		l := tr.load(6, false)
		l.reaches(t, answers(300))
		before := tr.serving(3)
		tr.signal(syscall.SIGUSR1)
		tr.replaced(before)
		l.reaches(t, answers(300))
		tr.signal(syscall.SIGTTOU)
		tr.serving(2)
		l.reaches(t, answers(300))
		tr.signal(syscall.SIGTTIN)
		tr.serving(3)
		tr.signal(syscall.SIGUSR2)
		l.reaches(t, answers(300))
		l.finish()
		l.clean(t)
	})
}

// Datagrams reach the workers in both modes, also those that arrive while all workers are
// replaced, and after their number has changed. With a socket per worker each gets its share.
func TestDatagrams(t *testing.T) {
	t.Parallel()
	eachSocketMode(t, func(t *testing.T, mode keys) {
		tr := start(t, "echo", with(mode, keys{"worker_type": "process", "workers": 4}))
		before := tr.serving(4)
		first := tr.echoes(t, 100)
		t.Logf("100 datagrams over 4 workers: %v", first)
		tr.signal(syscall.SIGUSR1)
		during := tr.echoes(t, 200)
		tr.replaced(before)
		tr.signal(syscall.SIGTTOU)
		tr.serving(3)
		tr.signal(syscall.SIGTTIN)
		tr.serving(4)
		after := tr.echoes(t, 100)
		t.Logf("200 while they are replaced: %v; 100 after one less and one more: %v", during, after)
		if _, pinned := mode["socket_reuseport"]; pinned && (len(first) != 4 || len(after) != 4) {
			t.Error("not all workers got datagrams")
		}
	})
}

// echoes sends datagrams, each from a socket of its own, and wants every one answered. It
// returns how many each worker has answered.
func (tr *tree) echoes(t *testing.T, n int) map[string]int {
	t.Helper()
	buf := make([]byte, 2048)
	by := map[string]int{}
	for i := range n {
		c, err := net.Dial("udp", tr.address())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience)) // a socket takes one
		want := fmt.Sprintf("datagram %d", i)
		_, err = c.Write([]byte(want))
		got := 0
		if err == nil {
			got, err = c.Read(buf)
		}
		c.Close()
		if err != nil || !strings.HasSuffix(string(buf[:got]), want) {
			t.Fatalf("datagram %d of %d: %q, %v", i, n, buf[:got], err)
		}
		by[field(string(buf[:got]), "worker")]++
	}
	return by
}

// A key that needs a stop and a start does nothing before: the workers are told of the kind
// of sockets that there is.
func TestReuseportStaysUntilAStop(t *testing.T) {
	t.Parallel()
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 2})
	before := tr.serving(2)
	tr.configure(keys{"socket_reuseport": true})
	tr.signal(syscall.SIGUSR1)
	tr.says("socket_reuseport false → true (needs a stop and a start)")
	tr.replaced(before)
	c, err := net.DialTimeout("tcp", tr.address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || field(line, "reuseport") != "false" {
		t.Errorf("%q, %v", line, err)
	}
}

// An address of the listen key is bound by the top, and a worker that asks for it gets it.
func TestListenKeyBindsAtOnce(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/listen.sock" // a port that is free now may be another test's soon
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 1, "listen": "unix://" + path, "address": "unix:" + path})
	tr.serving(1)
	c, _, err := tr.speaker("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A socket that nobody asks for any more is closed after a whole restart, and not before.
func TestSocketThatNobodyWantsIsClosed(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs further loopback addresses: on the usual one another test may take the port over")
	}
	tr := start(t, "turns", keys{"worker_type": "process", "workers": 2, "worker_stable_after": "50ms", "address": "127.0.0.3:0"})
	before := tr.serving(2)
	old := tr.address()
	tr.configure(keys{"address": "127.0.0.4:0"})
	tr.signal(syscall.SIGUSR1)
	tr.replaced(before)
	tr.says("is closed: nobody has asked for it")
	if c, err := net.Dial("tcp", old); err == nil {
		c.Close()
		t.Errorf("%s is still open", old)
	}
	if c, _, err := tr.speaker("tcp", tr.address()); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}
