//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func init() { roles["dial"] = dialRole }

// dialRole says what became of a Dial.
func dialRole() error {
	c, err := Dial(os.Getenv("SOCK"), os.Getenv("TOKEN"))
	switch {
	case errors.Is(err, ErrDenied), errors.Is(err, fs.ErrPermission):
		fmt.Println("denied")
		return nil
	case err != nil:
		return err
	}
	defer c.Close()
	ln, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return ln.Close()
}

// opened is a Server with a path in a directory of the test.
func opened(t *testing.T, o Options) *Server {
	t.Helper()
	t.Setenv(EnvSockDir, shortDir(t))
	s := newServer(t, o)
	if err := s.OpenPath(""); err != nil {
		t.Fatal(err)
	}
	return s
}

// shortDir is a temporary directory whose name leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir := must(os.MkdirTemp("", "sk"))(t)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func dialed(t *testing.T, s *Server) *Client {
	t.Helper()
	c := must(Dial(s.Path(), s.Token()))(t)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestOutsiderGetsTheSocket(t *testing.T) {
	s := opened(t, Options{})
	own := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	c := startChild(t, "dial", []string{"SOCK=" + s.Path(), "TOKEN=" + s.Token()}, nil)
	if got := c.line(t); got != own.Addr().String() {
		t.Errorf("outside %s, inside %s", got, own.Addr())
	}
	c.end(t)
	answersOnce(t, own)
	_ = own.Close()
}

func TestPathIsPrivateAndRemoved(t *testing.T) {
	s := opened(t, Options{})
	path := s.Path()
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if got := must(os.Stat(name))(t).Mode().Perm(); got != mode {
			t.Errorf("%s is %o, not %o", name, got, mode)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestPathOfSomebodyElseStays(t *testing.T) {
	s := opened(t, Options{})
	path := s.Path()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	other := must(net.Listen("unix", path))(t)
	defer other.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

func TestPathInUseAndPathOfTheDead(t *testing.T) {
	s := opened(t, Options{})
	if _, err := Open(s.Path()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("open twice: %v", err)
	}
	dead := filepath.Join(shortDir(t), "dead")
	ln := must(net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"}))(t)
	ln.SetUnlinkOnClose(false)
	_ = ln.Close()
	again, err := Open(dead)
	if err != nil {
		t.Fatalf("a dead socket's path: %v", err)
	}
	_ = again.Close()
	file := filepath.Join(shortDir(t), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a file's path: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestGeneratePathFollowsTheEnvironment(t *testing.T) {
	a, b, c := shortDir(t), shortDir(t), shortDir(t)
	for _, step := range []struct{ env, value, in string }{
		{"XDG_RUNTIME_DIR", c, c},
		{"RUNTIME_DIRECTORY", b + ":" + c, b},
		{EnvSockDir, a, a},
	} {
		t.Setenv(step.env, step.value)
		p := must(GeneratePath())(t)
		if !strings.HasPrefix(p, step.in+"/") {
			t.Errorf("%s=%s: %s", step.env, step.value, p)
		}
	}
	t.Setenv(EnvSockDir, filepath.Join(a, "missing"))
	if _, err := GeneratePath(); err == nil || !strings.Contains(err.Error(), EnvSockDir) {
		t.Error(err)
	}
	long := filepath.Join(a, strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvSockDir, long)
	if _, err := GeneratePath(); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), fmt.Sprint(maxPath)) {
		t.Error(err)
	}
	if names := must(os.ReadDir(long))(t); len(names) != 0 {
		t.Error("the useless directory is still there")
	}
}

func TestWrongToken(t *testing.T) {
	s := opened(t, Options{})
	for _, token := range []string{"", "x", s.Token()[1:], s.Token() + "0"} {
		if c, err := Dial(s.Path(), token); !errors.Is(err, ErrDenied) {
			t.Errorf("token %q: %v, %v", token, c, err)
		}
	}
	_ = dialed(t, s)
}

func TestWrongUser(t *testing.T) {
	asked := make(chan uint32, 100)
	s := opened(t, Options{AllowUID: func(uid uint32) bool { asked <- uid; return false }})
	if _, err := Dial(s.Path(), s.Token()); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
	if uid := <-asked; uid != uint32(os.Geteuid()) || len(asked) > 0 {
		t.Errorf("asked about %d, and %d times more", uid, len(asked))
	}
}

func TestWrongUserForReal(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("the other user may be unable to start the test binary by its path")
	}
	const nobody = 65534
	for _, allow := range []bool{false, true} {
		o := Options{}
		if allow {
			o.AllowUID = func(uid uint32) bool { return uid == nobody }
		}
		s := opened(t, o)
		for p, mode := range map[string]os.FileMode{s.Path(): 0o666, filepath.Dir(s.Path()): 0o755, os.Getenv(EnvSockDir): 0o755} {
			if err := os.Chmod(p, mode); err != nil {
				t.Fatal(err)
			}
		}
		c := startChild(t, "dial", []string{"SOCK=" + s.Path(), "TOKEN=" + s.Token()}, func(cmd *exec.Cmd) {
			cmd.Path = "/proc/self/exe"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		})
		if got := c.line(t); (got == "denied") == allow {
			t.Errorf("allowed %v: %q", allow, got)
		}
		c.end(t)
	}
}

// rawTo connects without a Client.
func rawTo(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c := must(net.Dial("unix", s.Path()))(t)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestHostileBytesCostOnlyTheirConnection(t *testing.T) {
	s := opened(t, Options{RequestTimeout: 300 * time.Millisecond})
	good := dialed(t, s)
	frame := func(kind frameType, body string) string {
		return string(must(encodeFrame(kind, []byte(body), 0))(t))
	}
	for name, bytes := range map[string]string{
		"nothing":          "",
		"half a header":    "S\x01\x01",
		"half a body":      "S\x01\x01\x00\x00\x00\x00\x10{",
		"http":             "GET / HTTP/1.1\r\n\r\n",
		"oversize":         "S\x01\x01\x00\xff\xff\xff\xff" + strings.Repeat("x", 10000),
		"too many files":   "S\x01\x01\xff\x00\x00\x00\x00",
		"lost files":       "S\x01\x01\x01\x00\x00\x00\x00",
		"not JSON":         frame(frameRequest, "eval(1)"),
		"deep JSON":        frame(frameRequest, strings.Repeat("[", 4000)),
		"no token":         frame(frameRequest, `{"id":1,"op":"listen","network":"tcp","address":":0"}`),
		"takeover":         frame(frameRequest, `{"id":1,"op":"takeover","token":"guess"}`),
		"commit":           frame(frameRequest, `{"id":1,"op":"commit","token":"`+s.Token()+`"}`) + "junk",
		"hand by outsider": frame(frameHand, "x"),
		"reply":            frame(frameReply, `{"id":1}`),
	} {
		c := rawTo(t, s)
		_, _ = io.WriteString(c, bytes)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the connection is still open", name)
		}
		ln, err := good.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("%s: another client: %v", name, err)
		}
		_ = ln.Close()
	}
	if n := len(s.Addresses()); n != 1 {
		t.Errorf("%d sockets are open", n)
	}
}

func TestDescriptorsOfAnOutsiderAreDropped(t *testing.T) {
	s := opened(t, Options{})
	r, w := pipe(t)
	defer r.Close()
	before := openFDs(t)
	c := newConn(rawTo(t, s).(*net.UnixConn), false, true)
	fd := must(dupConn(w))(t)
	_ = w.Close()
	_ = c.send(frameHand, []byte("take this"), []int{fd}, time.Now().Add(patience))
	closeFD(fd)
	if b := must(io.ReadAll(r))(t); len(b) != 0 { // EOF: nobody has the writing end
		t.Errorf("%q", b)
	}
	c.close()
	eventually(t, "no descriptor more than before", func() bool { return openFDs(t) <= before })
}

func TestThousandIdleConnections(t *testing.T) {
	s := opened(t, Options{})
	idleTrusted := dialed(t, s)
	for range 1000 {
		rawTo(t, s)
	}
	begin := time.Now()
	c := dialed(t, s)
	ln := must(c.Listen("tcp", "127.0.0.1:0"))(t)
	took := time.Since(begin)
	_ = ln.Close()
	t.Logf("connected and answered in %v beside 1000 idle connections", took)
	if took > 2*time.Second {
		t.Errorf("an answer took %v", took)
	}
	s.path.mu.Lock()
	n := len(s.path.clients)
	s.path.mu.Unlock()
	if n > 256 {
		t.Errorf("%d connections are held", n)
	}
	ln = must(idleTrusted.Listen("tcp", "127.0.0.1:0"))(t)
	_ = ln.Close()
}

func TestEvictedClientConnectsAnew(t *testing.T) {
	s := opened(t, Options{MaxClients: 2})
	first := dialed(t, s)
	for range 5 {
		dialed(t, s)
	}
	ln := must(first.Listen("tcp", "127.0.0.1:0"))(t)
	_ = ln.Close()
}

func TestDescriptorsAreConstantOverThousandClients(t *testing.T) {
	s := opened(t, Options{})
	keep := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer keep.Close()
	round := func() {
		c := must(Dial(s.Path(), s.Token()))(t)
		ln := must(c.Listen("tcp", "127.0.0.1:0"))(t)
		_ = ln.Close()
		_ = c.Close()
	}
	round()
	idle := func() bool {
		s.path.mu.Lock()
		defer s.path.mu.Unlock()
		return len(s.path.clients) == 0
	}
	eventually(t, "the first client is gone", idle)
	before := openFDs(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range 100 {
				round()
			}
		})
	}
	wg.Wait()
	eventually(t, "all clients are gone and so are their descriptors", func() bool { return idle() && openFDs(t) == before })
}
