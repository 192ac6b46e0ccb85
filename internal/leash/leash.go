//go:build unix

// Package leash is for tests that start programs with a life of their own: these end with
// the tests, also when the tests are killed and can end nobody.
package leash

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Var holds the process id of whoever holds the leash. Programs of a test inherit it.
const Var = "LEASH"

// Hold makes this process the one that everything it starts from now on follows.
func Hold() {
	if err := os.Setenv(Var, strconv.Itoa(os.Getpid())); err != nil {
		panic(fmt.Sprintf("leash: %v", err)) // no text of ours is refused
	}
}

// Follow has this process killed within a second of the end of who holds its leash, and
// does nothing if nobody does. Whoever changes the numbers of processes, as a container
// does, takes Var out of the environment.
func Follow() {
	holder, err := strconv.Atoi(os.Getenv(Var))
	if err != nil {
		return
	}
	go func() {
		for !errors.Is(syscall.Kill(holder, 0), syscall.ESRCH) {
			time.Sleep(time.Second)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // can't fail
	}()
}
