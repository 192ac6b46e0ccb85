//go:build unix

package sockets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func init() {
	roles["narrow client"] = narrowClientRole
	roles["narrow owner"] = narrowOwnerRole
	roles["narrow slots"] = narrowSlotsRole
}

// narrow leaves this process no room for another descriptor until widen is called.
func narrow() (widen func() error, err error) {
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
		return nil, err
	}
	free, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	none := usual
	none.Cur = uint64(free.Fd()) // the lowest that is free
	if err := free.Close(); err != nil {
		return nil, err
	}
	return func() error { return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual) }, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none)
}

// narrowClientRole asks without and with room for the answer.
func narrowClientRole() error {
	c, err := FromFile(os.NewFile(3, "pair"))
	if err != nil {
		return err
	}
	widen, err := narrow()
	if err != nil {
		return err
	}
	_, none := c.Listen("tcp", "127.0.0.1:0")
	if err := widen(); err != nil {
		return err
	}
	fmt.Println(errors.Is(none, syscall.EMFILE), none)
	ln, err := c.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	return errors.Join(ln.Close(), c.Close())
}

// narrowOwnerRole says what is handed to it, and becomes narrow and wide when it is told so.
func narrowOwnerRole() error {
	var widen func() error
	s := NewServer(Options{
		OnHand: func(tag []byte, files []*os.File) {
			closeAll(files)
			var err error
			switch string(tag) {
			case "narrow":
				widen, err = narrow()
			case "wide":
				err = widen()
			}
			fmt.Println(string(tag), len(files), err)
		},
		OnLost: func(tag []byte, err error) { fmt.Println(string(tag), "lost", errors.Is(err, syscall.EMFILE)) },
	})
	if err := s.Attach(os.NewFile(3, "pair"), Peer{}); err != nil {
		return err
	}
	untilEOF()
	return s.Close()
}

// A moment without room for a descriptor costs what was to come then, and not the
// connection, which an attached client could not make anew.
func TestNoRoomCostsOneAnswer(t *testing.T) {
	s := newServer(t, Options{})
	ln := must(s.Listen("tcp", "127.0.0.1:0", ListenOptions{}))(t)
	defer ln.Close()
	c := startOnPair(t, s, "narrow client", nil, nil)
	if got := c.line(t); got[:4] != "true" {
		t.Errorf("without room: %s", got)
	}
	if got := c.line(t); got != ln.Addr().String() {
		t.Errorf("with room: %s", got)
	}
	c.end(t)
}

func TestNoRoomCostsOneHand(t *testing.T) {
	mine, theirs, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	owner := startChild(t, "narrow owner", nil, nil, theirs)
	_ = theirs.Close()
	c := must(FromFile(mine))(t)
	defer c.Close()
	for _, step := range []struct {
		tag   string
		files []*os.File
		says  string
	}{
		{"first", []*os.File{os.Stdin}, "first 1 <nil>"}, {"narrow", nil, "narrow 0 <nil>"},
		{"second", []*os.File{os.Stdin, os.Stdin}, "second lost true"}, {"wide", nil, "wide 0 <nil>"},
		{"third", []*os.File{os.Stdin}, "third 1 <nil>"},
	} {
		if err := c.Hand([]byte(step.tag), step.files...); err != nil {
			t.Fatal(err)
		}
		if got := owner.line(t); got != step.says {
			t.Fatalf("it says %q, not %q", got, step.says)
		}
	}
	answersOnce(t, must(c.Listen("tcp", "127.0.0.1:0"))(t))
	owner.end(t)
}

// narrowSlotsRole has room for one of the two sockets that a second slot needs.
func narrowSlotsRole() error {
	s := NewServer(Options{ReusePort: true})
	for _, address := range []string{"127.0.0.1:0", "127.0.0.2:0"} {
		fd, err := s.take(context.Background(), "tcp", address, ListenOptions{})
		if err != nil {
			return err
		}
		closeFD(fd)
	}
	room := make([]*os.File, 2) // what opening one takes
	for i := range room {
		var err error
		if room[i], err = os.Open(os.DevNull); err != nil {
			return err
		}
	}
	widen, err := narrow()
	if err != nil {
		return err
	}
	closeAll(room)
	few := s.SetSlots(2)
	fmt.Println(errors.Is(few, syscall.EMFILE), s.Addresses()[0].Slots, s.Addresses()[1].Slots)
	if err := widen(); err != nil {
		return err
	}
	enough := s.SetSlots(2)
	fmt.Println(enough, s.Addresses()[0].Slots, s.Addresses()[1].Slots)
	return s.Close()
}

// A number of slots that can't be had leaves every address as it was.
func TestSlotsAreRaisedEverywhereOrNowhere(t *testing.T) {
	if !canSteer {
		t.Skip("nothing is pinned here")
	}
	c := startChild(t, "narrow slots", nil, nil)
	if got := c.line(t); got != "true 1 1" {
		t.Errorf("without room: %s", got)
	}
	if got := c.line(t); got != "<nil> 2 2" {
		t.Errorf("with room: %s", got)
	}
	c.end(t)
}
