//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() { roles["usurp"] = usurpRole }

// usurpRole tries to put a link in the socket's place, as who is worth nothing.
func usurpRole() error {
	sock := os.Getenv("SOCK")
	for _, err := range []error{os.Remove(sock), os.Rename(sock, sock+"2"), os.Symlink("/etc/passwd", sock+"3"), os.Rename(filepath.Dir(sock), filepath.Dir(sock)+"2")} {
		if !errors.Is(err, fs.ErrPermission) {
			return fmt.Errorf("the socket's place can be taken: %v", err)
		}
	}
	return nil
}

// guests are two users whom a test of root's lets in.
const (
	guest  = 54321
	guest2 = 54323
)

func userOf(id uint32) User { return User{UID: id, GID: id + 1, Groups: []uint32{id + 1}} }

// as starts this test's program as somebody without rights.
func as(t *testing.T, id uint32, role string, s *Server) *child {
	t.Helper()
	return startChild(t, role, []string{"SOCK=" + s.Path(), "TOKEN=" + s.Token()}, func(cmd *exec.Cmd) {
		cmd.Path = "/proc/self/exe"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id + 1}}
	})
}

// rootWithGuests is a directory that all users reach, for a test of root's.
func rootWithGuests(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give anything away")
	}
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("the other user may be unable to start the test binary by its path")
	}
	dir := shortDir(t)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvSockDir, dir)
	return dir
}

func ownerOf(t *testing.T, path string) (uid uint32, mode fs.FileMode) {
	t.Helper()
	info := must(os.Lstat(path))(t)
	return info.Sys().(*syscall.Stat_t).Uid, info.Mode().Perm()
}

// canDial wants a user to be let in, or not.
func canDial(t *testing.T, id uint32, s *Server, can bool) {
	t.Helper()
	c := as(t, id, "dial", s)
	if got := c.line(t); (got == "denied") == can {
		t.Errorf("user %d: %s", id, got)
	}
	c.end(t)
}

// The guest gets the socket and nothing else: not its place in the directory, which would be
// given away again later.
func TestGuestReachesThePathAndCannotReplaceIt(t *testing.T) {
	rootWithGuests(t)
	s := newServer(t, Options{})
	if err := s.OpenPathFor(userOf(guest)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{s.Path(): "54321 -rw-------", filepath.Dir(s.Path()): "0 -rwx--x---"} {
		if uid, mode := ownerOf(t, name); fmt.Sprint(uid, " ", mode) != want {
			t.Errorf("%s is %d %v, not %s", name, uid, mode, want)
		}
	}
	canDial(t, guest, s, true)
	canDial(t, guest2, s, false)
	as(t, guest, "usurp", s).end(t)

	if err := s.GivePathTo(userOf(guest2)); err != nil {
		t.Fatal(err)
	}
	canDial(t, guest2, s, true)
	canDial(t, guest, s, false)
	if err := s.GivePathTo(User{UID: 0}); err != nil {
		t.Fatal(err)
	}
	canDial(t, guest2, s, false)
	_ = dialed(t, s)
}

// A link in the socket's place is not followed, whoever has put it there.
func TestOnlyTheSocketIsGivenAway(t *testing.T) {
	dir := rootWithGuests(t)
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newServer(t, Options{})
	if err := s.OpenPathFor(userOf(guest)); err != nil {
		t.Fatal(err)
	}
	path := s.Path()
	for name, spoil := range map[string]func() error{
		"a link":              func() error { return os.Symlink(precious, path) },
		"another file":        func() error { return os.Link(precious, path) },
		"a foreign directory": func() error { return os.Chown(filepath.Dir(path), guest, -1) },
	} {
		if err := errors.Join(os.Rename(path, path+"2"), spoil()); err != nil {
			t.Fatal(err)
		}
		if err := s.GivePathTo(userOf(guest2)); err == nil {
			t.Errorf("with %s in its place it was given away", name)
		}
		if uid, _ := ownerOf(t, precious); uid != 0 {
			t.Errorf("%s: the file is of user %d", name, uid)
		}
		if err := errors.Join(os.Chown(filepath.Dir(path), 0, -1), os.Rename(path+"2", path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.GivePathTo(userOf(guest2)); err != nil {
		t.Error(err)
	}
}

func TestPathForAGuestLiesWhereItCanBeReached(t *testing.T) {
	dir := rootWithGuests(t)
	closed, open := shortDir(t), filepath.Join(dir, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chown(open, guest, -1)); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvSockDir, "")
	t.Setenv("RUNTIME_DIRECTORY", closed)
	t.Setenv("XDG_RUNTIME_DIR", open)
	s := newServer(t, Options{})
	if err := s.OpenPathFor(userOf(guest)); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Path(), open) {
		t.Errorf("it is at %s", s.Path())
	}
	if err := s.GivePathTo(userOf(guest2)); err == nil || !strings.Contains(err.Error(), open+" is closed to user 54323") {
		t.Error(err)
	}
	t.Setenv(EnvSockDir, closed)
	other := newServer(t, Options{})
	if err := other.OpenPathFor(userOf(guest)); err == nil || !strings.Contains(err.Error(), closed+" is closed to user 54321") {
		t.Error(err)
	}
	if left := must(os.ReadDir(closed))(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A directory that may not be written is no reason to have no path, unless it was named for
// it.
func TestUnusableDirectoryIsPassedOver(t *testing.T) {
	usable, missing := shortDir(t), filepath.Join(shortDir(t), "missing")
	t.Setenv(EnvSockDir, "")
	t.Setenv("RUNTIME_DIRECTORY", missing)
	t.Setenv("XDG_RUNTIME_DIR", strings.Repeat("x", maxPath))
	t.Setenv("TMPDIR", usable)
	s := must(Open(""))(t)
	if !strings.HasPrefix(s.Path(), usable) {
		t.Errorf("it is at %s", s.Path())
	}
	if err := s.OpenPath(""); err == nil {
		t.Error("two paths")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.OpenPath(""); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if left := must(os.ReadDir(usable))(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	t.Setenv("TMPDIR", missing)
	if _, err := Open(""); err == nil || strings.Count(err.Error(), missing) < 2 || !strings.Contains(err.Error(), "$RUNTIME_DIRECTORY") {
		t.Errorf("without any usable directory: %v", err)
	}
}

// What a Server removes is what was made for it, whatever a directory is called.
func TestOnlyAGeneratedDirectoryIsRemoved(t *testing.T) {
	own := filepath.Join(shortDir(t), dirPrefix+"of-the-user")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := must(Open(filepath.Join(own, "sock")))(t).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(own); err != nil {
		t.Errorf("the user's directory: %v", err)
	}
	t.Setenv(EnvSockDir, own)
	path := must(GeneratePath())(t)
	if err := must(Open(path))(t).Close(); err != nil {
		t.Fatal(err)
	}
	if left := must(os.ReadDir(own))(t); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
