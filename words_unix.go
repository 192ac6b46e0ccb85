//go:build unix

package serverengine

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"
)

// wordsPause is how often a process in the background looks whether it is there still.
const wordsPause = time.Second

// terminalInput reads from a terminal only while this process is in its foreground. A read
// from the background raises TTIN, and since that is caught the kernel begins the read
// again, without end.
type terminalInput struct {
	in    *os.File
	log   *logrus.Logger
	begun bool
}

// wordsInput is in, as command words are to be read from it.
func wordsInput(in *os.File, log *logrus.Logger) io.Reader {
	if _, err := inForeground(in); err != nil { // it is not our terminal
		return in
	}
	return &terminalInput{in: in, log: log}
}

// Read is called by one goroutine.
func (t *terminalInput) Read(b []byte) (int, error) {
	if !t.begun {
		t.begun = true
		blockTTIN()
	}
	for {
		if front, err := inForeground(t.in); err == nil && !front {
			t.await()
		}
		n, err := t.in.Read(b)
		if front, lost := inForeground(t.in); errors.Is(err, syscall.EIO) && lost == nil && !front {
			continue // put there meanwhile
		}
		return n, err
	}
}

// await waits until this process is in the foreground, or has no terminal any more.
func (t *terminalInput) await() {
	t.log.Warn("command_sender: pipe: standard input is a terminal, and this process is in its background: no words are read until it is in the foreground")
	for front, err := false, error(nil); err == nil && !front; front, err = inForeground(t.in) {
		time.Sleep(wordsPause)
	}
}

// inForeground reports whether this process is in the foreground of a terminal. The error
// says that it is not this process's terminal.
func inForeground(f *os.File) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var group int
	var problem error
	err = raw.Control(func(fd uintptr) { group, problem = unix.IoctlGetInt(int(fd), unix.TIOCGPGRP) })
	return group == unix.Getpgrp(), errors.Join(err, problem)
}
