package sockets

import "fmt"

// Chown gives all sockets that are open, and their files, to another user and group. Call it
// before this process becomes that user: on Linux the sockets of one address belong to one
// user (SO_REUSEPORT), and in a directory like /tmp a file can be removed by its owner alone.
// What a service manager has handed over stays as it is.
func (s *Server) Chown(uid, gid int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.order {
		if err := e.chown(uid, gid); err != nil {
			return fmt.Errorf("sockets: give %s to user %d: %w", e.bound, uid, err)
		}
	}
	return nil
}

func (e *entry) chown(uid, gid int) error {
	if e.pinned {
		for _, fd := range e.fds {
			if err := chownSocket(fd, uid, gid); err != nil {
				return err
			}
		}
	}
	if e.file.info == nil {
		return nil
	}
	return e.file.chown(uid, gid)
}
