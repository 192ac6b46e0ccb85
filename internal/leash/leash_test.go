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
// killed, and the follower, which says that it lives.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "holder":
		Hold()
		if err := again("follower", os.Stdout).Start(); err != nil {
			panic(err)
		}
		select {}
	case "follower":
		Follow()
		fmt.Println("here")
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func again(role string, out *os.File) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stdout = append(os.Environ(), roleVar+"="+role), out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func TestFollowerEndsWithItsHolder(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	holder := again("holder", in)
	err = holder.Start()
	in.Close()
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
