package sockets

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
)

// EnvWorkerID is the number of the worker that a spawned command is.
const EnvWorkerID = "SERVERENGINE_WORKER_ID"

// Dial connects an outsider to the Server at path and shows the token. A wrong
// token or user is ErrDenied, here and not first at Listen. The Client connects
// anew by itself when its connection is gone, so one that is idle for long may be
// evicted without harm.
//
// Of pinned sockets it gets those of the slot that EnvWorkerID says, if that is set
// in this process's environment, else those of slot 0. ListenOptions.Slot can name
// another one.
func Dial(path, token string) (*Client, error) {
	c := &Client{dial: func() (*link, error) { return dialLink(path, token) }, slot: slotOfEnvironment()}
	l, err := c.dial()
	if err != nil {
		return nil, err
	}
	c.link = l
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	if _, err := c.roundTrip(ctx, request{Op: opPing}); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("sockets: ask the socket manager at %s: %w", path, err)
	}
	return c, nil
}

// slotOfEnvironment is 0 where there is no number of a worker.
func slotOfEnvironment() int {
	n, err := strconv.Atoi(os.Getenv(EnvWorkerID))
	if err != nil || n < 0 || n >= maxSlots {
		return 0
	}
	return n
}

// dialLink connects to the path.
func dialLink(path, token string) (*link, error) {
	uc, err := dialPath(path)
	if err != nil {
		return nil, err
	}
	return newLink(newConn(uc, false, true), token), nil
}

func dialPath(path string) (*net.UnixConn, error) {
	if err := checkPath(path); err != nil {
		return nil, fmt.Errorf("sockets: connect to the socket manager: %w", err)
	}
	c, err := (&net.Dialer{Timeout: requestTimeout}).Dial("unix", path)
	if err != nil {
		return nil, fmt.Errorf("sockets: connect to the socket manager: %w", err)
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		_ = c.Close()
		return nil, fmt.Errorf("sockets: connect to the socket manager: a %T", c)
	}
	return uc, nil
}

// NewClient returns a Client of this Server in its own process, over a pair.
// Its requests name their slot themselves.
func (s *Server) NewClient() (*Client, error) {
	parent, end, err := Pair()
	if err != nil {
		return nil, err
	}
	if err := s.Attach(parent, Peer{Incarnation: "this process", Slot: -1}); err != nil {
		_ = end.Close()
		return nil, err
	}
	return FromFile(end)
}
