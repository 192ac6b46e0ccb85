//go:build unix

package sockets

import (
	"errors"
	"strings"
	"testing"
)

// Who is attached may tell others where to ask; who only knows the path may not ask for more.
func TestAttachedPeerIsToldThePath(t *testing.T) {
	s := opened(t, Options{})
	path, token, err := attached(t, s, Peer{}).Path()
	if err != nil || path != s.Path() || token != s.Token() {
		t.Fatal(path, token, err)
	}
	outside := must(Dial(path, token))(t)
	defer outside.Close()
	if _, _, err := outside.Path(); !errors.Is(err, ErrBadRequest) {
		t.Errorf("an outsider: %v", err)
	}
	answersOnce(t, must(outside.Listen("tcp", "127.0.0.1:0"))(t))
}

func TestPathIsOpenedWhenItIsAskedFor(t *testing.T) {
	t.Setenv(EnvSockDir, shortDir(t))
	var s *Server
	s = newServer(t, Options{OnPath: func() (string, string, error) {
		if s.Path() == "" {
			if err := s.OpenPath(""); err != nil {
				return "", "", err
			}
		}
		return s.Path(), s.Token(), nil
	}})
	c := attached(t, s, Peer{})
	for range 2 {
		path, token := mustPath(t, c)
		_ = must(Dial(path, token))(t).Close()
	}
	other := newServer(t, Options{})
	if _, _, err := attached(t, other, Peer{}).Path(); err == nil || !strings.Contains(err.Error(), "no path") {
		t.Errorf("without a path: %v", err)
	}
}

func mustPath(t *testing.T, c *Client) (path, token string) {
	t.Helper()
	path, token, err := c.Path()
	if err != nil {
		t.Fatal(err)
	}
	return path, token
}
