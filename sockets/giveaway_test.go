//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// While another Server makes up its mind, whoever wants what is open gets it at once, and
// nobody who must not wait does: a takeover may take for ever here.
func TestNobodyWaitsForATakeOver(t *testing.T) {
	s := opened(t, Options{RequestTimeout: time.Hour})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer ln.Close()
	taker := begun(t, s, 2)
	answersOnce(t, must(dialed(t, s).Listen("tcp", "127.0.0.1:0"))(t))
	s.Mark()
	if swept := s.Sweep(); len(swept) != 0 {
		t.Errorf("swept %v", swept)
	}
	for n := range 4 {
		if err := s.SetSlots(n); err != nil {
			t.Error(err)
		}
	}
	if unused, lost := s.UnusedSlots(), s.AbandonSlot(3); len(unused) != 0 || lost != 0 {
		t.Errorf("unused %v, lost %d", unused, lost)
	}
	if err := s.ReleaseSlot(3); !errors.Is(err, ErrMoving) {
		t.Error(err)
	}
	fresh := make(chan error, 1)
	go func() {
		ln, err := s.Listen("tcp4", "127.0.0.1:0", ListenOptions{})
		if err == nil {
			err = ln.Close()
		}
		fresh <- err
	}()
	taker.close()
	if err := <-fresh; err != nil {
		t.Errorf("an address that is new: %v", err)
	}
	if n := len(s.Addresses()); n != 2 {
		t.Errorf("%d addresses", n)
	}
}

func TestSlotsStayAsTheyAreWhileOthersTakeOver(t *testing.T) {
	if !canSteer {
		t.Skip("nothing is pinned here")
	}
	s := opened(t, Options{RequestTimeout: time.Hour, ReusePort: true})
	_ = must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t).Close()
	taker := begun(t, s, 2)
	if err := s.SetSlots(2); !errors.Is(err, ErrMoving) {
		t.Error(err)
	}
	taker.close()
	eventually(t, "it may have more again", func() bool { return s.SetSlots(2) == nil })
	if info := s.Addresses()[0]; info.Slots != 2 {
		t.Errorf("%+v", info)
	}
}

// A Server that is closed meanwhile keeps what it has to itself, and removes it.
func TestCloseEndsATakeOver(t *testing.T) {
	file := filepath.Join(shortDir(t), "s")
	s := opened(t, Options{RequestTimeout: time.Hour})
	_ = must(s.Listen("unix", file, ListenOptions{}))(t).Close()
	taker := begun(t, s, 2)
	defer taker.close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, s.Path(), filepath.Dir(s.Path())} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
}

func TestTakeOverIsRefusedAndTold(t *testing.T) {
	told := make(chan string, 2)
	tell := func(by string) { told <- by }
	s := opened(t, Options{NoTakeOver: true, OnTakenOver: tell})
	if _, err := TakeOver(s.Path(), s.Token(), Options{}); !errors.Is(err, ErrDenied) {
		t.Errorf("it is not refused: %v", err)
	}
	answersOnce(t, must(dialed(t, s).Listen("tcp", "127.0.0.1:0"))(t))

	old := opened(t, Options{OnTakenOver: tell})
	path := old.Path()
	child := startChild(t, "takeover", []string{"SOCK=" + path, "TOKEN=" + old.Token()}, nil)
	if by, want := <-told, fmt.Sprint("process ", child.cmd.Process.Pid); by != want {
		t.Errorf("taken over by %s, not by %s", by, want)
	}
	if err := old.SetSlots(3); err != nil { // nothing is pinned
		t.Error(err)
	}
	if err := old.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the old one has removed the path: %v", err)
	}
	child.end(t)
	if left := must(os.ReadDir(os.Getenv(EnvSockDir)))(t); len(left) != 0 {
		t.Errorf("the new one has left behind: %v", left)
	}
}
