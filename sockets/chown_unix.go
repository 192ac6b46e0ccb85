//go:build unix && !linux

package sockets

import (
	"io/fs"
	"os"
)

// chownSocket does nothing: nothing is pinned here.
func chownSocket(int, int, int) error { return nil }

func (f fileID) chown(uid, gid int) error {
	if !f.current() || f.info.Mode()&fs.ModeSocket == 0 {
		return &fs.PathError{Op: "chown", Path: f.path, Err: errNoIdentity}
	}
	return os.Lchown(f.path, uid, gid)
}
