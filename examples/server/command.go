package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/serverengine/serverengine-go"
)

// commandEnv holds the settings of a spawned command. It is set in no other process.
const commandEnv = "MYSERVER_SETTINGS"

// spawn says what a spawn worker runs. It could be any program; here it is this file, in a
// process that uses nothing of the library.
func spawn(slot serverengine.Slot) (serverengine.Command, error) {
	set, err := settingsOf(slot.Config)
	if err != nil {
		return serverengine.Command{}, err
	}
	text, err := json.Marshal(set)
	if err != nil {
		return serverengine.Command{}, err
	}
	self, err := os.Executable()
	return serverengine.Command{
		Path: self, Env: []string{commandEnv + "=" + string(text)},
		Listen: []string{set.address()}, // becomes descriptor 3
	}, err
}

// command is the spawned program: what it prints becomes lines of the log, TERM ends it.
func command(text string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	var set settings
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return complain(err)
	}
	id, err := strconv.Atoi(os.Getenv("SERVERENGINE_WORKER_ID"))
	if err != nil {
		return complain(err)
	}
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return complain(err)
	}
	current := func() *settings { return &set }
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		accept(l, id, print, current)
	}()
	code := work(ctx, print, current)
	_ = l.Close() // ends accept
	<-answered
	return code
}

func print(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
