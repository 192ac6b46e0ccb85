package serverengine_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// eachKeeper tells a story with and without a supervisor.
func eachKeeper(t *testing.T, story func(t *testing.T, supervisor bool)) {
	t.Parallel()
	for name, supervisor := range map[string]bool{"server on top": false, "supervisor on top": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, supervisor)
		})
	}
}

// listeningToWords starts the web program with command_sender: pipe; what is written to
// the pipe reaches its stdin.
func listeningToWords(t *testing.T, supervisor bool) (*tree, *words) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	tr := adjusted(t, "web", keys{"worker_type": "process", "supervisor": supervisor, "command_sender": "pipe", "message": "one", "server_restart_wait": "50ms"},
		func(_ *tree, cmd *exec.Cmd) { cmd.Stdin = r })
	tr.serving(2)
	tr.says("server ready")
	return tr, &words{tr, w}
}

type words struct {
	*tree
	pipe io.Writer
}

// write writes to the program's stdin. What it logs from now on is what says looks at.
func (w *words) write(text string) {
	w.t.Helper()
	w.log.mark()
	if _, err := io.WriteString(w.pipe, text); err != nil {
		w.t.Fatal(err)
	}
}

func TestCommandWordsOnStdin(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr, in := listeningToWords(t, supervisor)
		before := tr.serving(2)
		in.write("DUMP\n")
		tr.says("command word DUMP: dump")
		tr.dumpOf(tr.pid)

		tr.configure(keys{"message": "two"})
		in.write("RELOAD\n")
		for _, l := range before {
			tr.saysOf(l.incarnation, "reloaded: message two, two")
		}
		tr.same(before)

		in.write("GRACEFUL_RESTART\n")
		tr.says("command word GRACEFUL_RESTART: graceful restart")
		after := tr.replaced(before)
		tr.says("graceful restart finished")
		in.write("IMMEDIATE_RESTART\n")
		tr.says("command word IMMEDIATE_RESTART: immediate restart")
		tr.replaced(after)
		tr.says("immediate restart finished")

		in.write("DETACH\n")
		if supervisor {
			tr.says("live restart")
			tr.finds("the old server has ended", func(r record) bool { return strings.HasPrefix(r.Msg, "server exited") })
			in.write("GRACEFUL_STOP\n")
			tr.says("graceful stop: command pipe")
		} else {
			tr.says("graceful stop")
		}
		tr.exits(0)
	})
}

func TestImmediateStopAsACommandWord(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr, in := listeningToWords(t, supervisor)
		a, gate := tr.hold()
		defer gate.open()
		in.write("IMMEDIATE_STOP\r\n")
		tr.exits(0)
		a.breaks()
		tr.says("immediate stop: command pipe")
	})
}

// What is no word does nothing but say so, and the end of the input ends nobody.
func TestWhatIsNoCommandWordDoesNothing(t *testing.T) {
	eachKeeper(t, func(t *testing.T, supervisor bool) {
		tr, in := listeningToWords(t, supervisor)
		before := tr.serving(2)
		in.write("GRACEFUL_STOPS\n\n   \n\xff\x00\n" + string(filler(4096)) + "GRACEFUL_STOP\n" + string(filler(100_000)) + "\nGRACEFUL_STOP\x00\ngraceful_stop\n  DUMP  \nIMMEDIATE_STOP no\n")
		tr.says(`"GRACEFUL_STOPS" is no command word`)
		tr.says("far too long")
		tr.says("command word DUMP: dump")
		tr.says(`"IMMEDIATE_STOP no" is no command word`)
		tr.silent("stop: command pipe")
		in.write("GRACEFUL_ST") // and the input ends in the middle of a word
		if err := in.pipe.(*os.File).Close(); err != nil {
			t.Fatal(err)
		}
		tr.says(`"GRACEFUL_ST" is no command word`)
		tr.mustGet("/")
		tr.same(before)
	})
}

// Without the key stdin is nobody's.
func TestCommandWordsNeedTheirKey(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := io.WriteString(w, "GRACEFUL_STOP\n"); err != nil {
		t.Fatal(err)
	}
	tr := adjusted(t, "web", keys{"worker_type": "process"}, func(_ *tree, cmd *exec.Cmd) { cmd.Stdin = r })
	tr.serving(2)
	tr.mustGet("/")
	line := make([]byte, 100)
	if n, err := r.Read(line); err != nil || string(line[:n]) != "GRACEFUL_STOP\n" {
		t.Errorf("on stdin is %q, %v", line[:n], err)
	}
}

// A shell's background job reads no words until it is in the foreground: a read would raise
// TTIN, which is one worker more, again and again.
func TestNoWordsAreReadInTheBackground(t *testing.T) {
	t.Parallel()
	var term *terminal
	var front *gate
	tr := adjusted(t, "web", keys{"worker_type": "process", "workers": 1, "command_sender": "pipe", "message": "one"}, func(tr *tree, cmd *exec.Cmd) {
		front = &gate{t: t, path: tr.path("front")}
		if err := syscall.Mkfifo(front.path, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `set -m; "$0" & read x < "$1"; fg %1`, os.Args[0], front.path}
		term = atTerminal(t, cmd)
	})
	tr.serving(1)
	tr.says("standard input is a terminal, and this process is in its background")
	if _, err := io.WriteString(term.master, "RELOAD\n"); err != nil {
		t.Fatal(err)
	}
	tr.says("server ready")
	tr.silent("signal TTIN")
	tr.silent("command word")
	front.open()
	tr.says("command word RELOAD: reload")
	tr.silent("signal TTIN")
	if _, err := io.WriteString(term.master, "GRACEFUL_STOP\n"); err != nil {
		t.Fatal(err)
	}
	tr.exits(0)
}
