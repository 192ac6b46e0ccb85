//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// spawned is the command that spawn workers run, ours and the original's: a program that
// uses no library and obeys signals, or words on its standard input.
func spawned(id string) int {
	worker, err := strconv.Atoi(id)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	set := noSettings()
	if err := json.Unmarshal([]byte(os.Getenv(settingsEnv)), &set); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	caught := make(chan os.Signal, 16)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGUSR2, syscall.SIGWINCH)
	if set.IgnoresQuit {
		signal.Notify(caught, syscall.SIGQUIT)
	}
	words := make(chan string)
	go readWords(words)
	say("run", worker, "message", set.Message, "umask", umask())
	if set.Prints {
		fmt.Println("hello-stdout")
		fmt.Fprintln(os.Stderr, "hello-stderr")
	}
	return obey(worker, set, caught, words)
}

func readWords(words chan<- string) {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words <- lines.Text()
	}
}

func obey(worker int, set settings, caught <-chan os.Signal, words <-chan string) int {
	var enough <-chan time.Time
	if after, ok := set.ends(worker, true); ok {
		set.await()
		enough = time.After(after)
	}
	for {
		select {
		case s := <-caught:
			say("signal", worker, "signal", name(s))
			if s != syscall.SIGTERM {
				if s != syscall.SIGQUIT {
					say("reload", worker, "message", name(s))
				}
				continue
			}
		case w := <-words:
			say("word", worker, "word", w)
			if w == "RELOAD" {
				say("reload", worker, "message", w)
			}
			if w == "IMMEDIATE_STOP" {
				return 0
			}
			if w != "GRACEFUL_STOP" {
				continue
			}
		case <-enough:
			return set.EndCode
		}
		say("stop", worker)
		if !set.Deaf {
			time.Sleep(seconds(set.Finish)) // the work in hand
			say("done", worker)
			return 0
		}
	}
}

func name(s os.Signal) string {
	return map[os.Signal]string{
		syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT", syscall.SIGUSR2: "USR2", syscall.SIGWINCH: "WINCH",
	}[s]
}
