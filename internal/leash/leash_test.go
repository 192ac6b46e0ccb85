//go:build unix

package leash

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

const roleVar = "LEASH_TEST_ROLE"

// TestMain plays what the tests start: a holder that starts a follower and waits to be
// killed, and the follower, which says that it lives. The test holds their input open.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "holder":
		Hold()
		if err := again("follower", os.Stdin, os.Stdout).Start(); err != nil {
			panic(err)
		}
		waitForTheEnd()
	case "follower":
		Follow()
		fmt.Println("here")
		waitForTheEnd()
	}
	os.Exit(m.Run())
}

// waitForTheEnd ends this process with the test, if nothing does before.
func waitForTheEnd() {
	_, _ = io.Copy(io.Discard, os.Stdin) // there is nothing but the end to read
	os.Exit(0)
}

func again(role string, in, out *os.File) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdin, cmd.Stdout = append(os.Environ(), roleVar+"="+role), in, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func TestFollowerEndsWithItsHolder(t *testing.T) {
	out, theirOut := pipe(t)
	theirIn, _ := pipe(t) // open until the end of the test
	holder := again("holder", theirIn, theirOut)
	err := holder.Start()
	theirOut.Close() // the last to have it is the follower
	if err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); line != "here\n" {
		t.Errorf("the follower says %q, %v", line, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	if err := out.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(said); len(rest) > 0 || err != nil { // the end comes with the last that could write
		t.Errorf("the follower lives on: %q, %v", rest, err)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() }) // once more, some of them
	return r, w
}
