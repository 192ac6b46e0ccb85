package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func init() {
	roles["become guest"] = becomeGuestRole
	roles["stays"] = staysRole
}

// becomeGuestRole opens sockets as root, becomes a user without rights, and wants more of
// them.
func becomeGuestRole() error {
	s := NewServer(Options{ReusePort: true})
	for _, a := range [][2]string{{"tcp", "127.0.0.1:0"}, {"udp", "127.0.0.1:0"}, {"unix", os.Getenv("FILE")}} {
		if err := openAlone(s, a[0], a[1]); err != nil {
			return err
		}
	}
	if err := s.Chown(guest, guest+1); err != nil {
		return err
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(guest+1), syscall.Setuid(guest)); err != nil {
		return err
	}
	more := s.SetSlots(3)
	for _, info := range s.Addresses() {
		fmt.Println(info.Network, info.Slots, info.Slots == 0 || info.Steered, more)
	}
	return s.Close()
}

func openAlone(s *Server, network, address string) error {
	fd, err := s.take(context.Background(), network, address, ListenOptions{})
	closeFD(fd)
	return err
}

// Who becomes another user opens further sockets of an address, and removes its files.
func TestSocketsGoWithTheUser(t *testing.T) {
	dir := rootWithGuests(t)
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "s")
	c := startChild(t, "become guest", []string{"FILE=" + file}, nil)
	for _, want := range []string{"tcp 3 true <nil>", "udp 3 true <nil>", "unix 0 true <nil>"} {
		if got := c.line(t); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	c.end(t)
	if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// A file that the user may not remove stays, and Close says so. Links are not given away.
func TestFileThatTheUserMayNotRemoveIsTold(t *testing.T) {
	dir := rootWithGuests(t)
	s := NewServer(Options{})
	file := filepath.Join(dir, "s")
	if err := openAlone(s, "unix", file); err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(dir, "precious")
	if err := errors.Join(os.WriteFile(precious, nil, 0o600), os.Rename(file, file+"2"), os.Symlink(precious, file)); err != nil {
		t.Fatal(err)
	}
	if err := s.Chown(guest, guest); err == nil {
		t.Error("a link was given away")
	}
	if uid, _ := ownerOf(t, precious); uid != 0 {
		t.Errorf("what the link leads to is of user %d", uid)
	}
	if err := errors.Join(os.Remove(file), os.Rename(file+"2", file)); err != nil {
		t.Fatal(err)
	}
	if err := s.Chown(guest, guest); err != nil {
		t.Error(err)
	}
	if uid, _ := ownerOf(t, file); uid != guest {
		t.Errorf("it is of user %d", uid)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	stays := startChild(t, "stays", []string{"FILE=" + file}, nil)
	if got := stays.line(t); !strings.Contains(got, file) || !strings.Contains(got, "permission denied") {
		t.Errorf("it says %q", got)
	}
	stays.end(t)
}

// staysRole closes a socket whose file it may not remove.
func staysRole() error {
	s := NewServer(Options{})
	if err := openAlone(s, "unix", os.Getenv("FILE")); err != nil {
		return err
	}
	if err := errors.Join(s.Chown(guest, guest), syscall.Setuid(guest)); err != nil {
		return err
	}
	fmt.Println(s.Close())
	return nil
}
