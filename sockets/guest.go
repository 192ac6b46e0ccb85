package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// User is somebody else than this process's user for whom the path is.
type User struct {
	UID, GID uint32
	Groups   []uint32 // further ones
}

// OpenPathFor is OpenPath("") for clients of another user, in a directory that
// this user can reach. It gives the socket away, which only root can: see
// GivePathTo.
func (s *Server) OpenPathFor(u User) error {
	if int64(u.UID) == int64(os.Geteuid()) {
		return s.OpenPath("")
	}
	if err := s.openGenerated(&u); err != nil {
		return err
	}
	return s.GivePathTo(u)
}

// GivePathTo lets another user connect to a path of GeneratePath, and nobody
// else any more but root and this process's own user; giving it to the latter
// makes it private again. The socket becomes that user's. Its directory stays
// this process's, and the user's group may only pass: whoever could put another
// file in the socket's place would be given that file the next time. Connections
// that are there stay. AllowUID, if it is set, has the last word.
func (s *Server) GivePathTo(u User) error {
	s.mu.Lock()
	p := s.path
	s.mu.Unlock()
	err := errors.New("no path is open: call OpenPathFor")
	if p != nil {
		err = p.giveTo(u)
	}
	if err != nil {
		return fmt.Errorf("sockets: let user %d reach the socket manager: %w", u.UID, err)
	}
	return nil
}

func (p *pathSocket) giveTo(u User) error {
	if p.dir.info == nil {
		return fmt.Errorf("%s does not lie in a directory of GeneratePath", p.file.path)
	}
	if err := reachable(filepath.Dir(p.dir.path), u); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.giveFiles(u); err != nil {
		return err
	}
	p.guest = &u
	return nil
}
