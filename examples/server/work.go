package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// What a worker does is the same in a goroutine, in a process of this program and in a
// spawned command: say something now and then, and answer connections.

// work says its message until ctx is done or until it has had enough, and returns the exit
// code. current returns the settings in force.
func work(ctx context.Context, say func(format string, args ...any), current func() *settings) int {
	set := current()
	var enough <-chan time.Time
	if after := set.exitAfter(); after >= 0 {
		say("Stop %s later with code %d.", after.Round(time.Millisecond), set.ExitWithCode)
		enough = time.After(after)
	}
	for {
		say("%s", current().Message)
		select {
		case <-time.After(time.Duration(current().Sleep * float64(time.Second))):
		case <-ctx.Done():
			say("Exiting.")
			return 0
		case <-enough:
			say("Exiting with code %d.", set.ExitWithCode)
			return set.ExitWithCode
		}
	}
}

// accept answers one connection after another until the listener is closed.
func accept(l net.Listener, id int, say func(format string, args ...any), current func() *settings) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if err := answer(c, id, current().Message); err != nil {
			say("answer %s: %v", c.RemoteAddr(), err)
		}
	}
}

// answerWait bounds how long a client that does not read can hold the worker up.
const answerWait = 5 * time.Second

func answer(c net.Conn, id int, message string) error {
	_ = c.SetDeadline(time.Now().Add(answerWait)) // the write says what is wrong with the connection
	_, err := fmt.Fprintf(c, "%s worker=%d pid=%d\n", message, id, os.Getpid())
	return errors.Join(err, c.Close())
}
