package sockets

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// chownSocket changes whose a socket is: what the kernel compares when another one wants the
// same address with SO_REUSEPORT.
func chownSocket(fd, uid, gid int) error {
	return os.NewSyscallError("fchown", unix.Fchown(fd, uid, gid))
}

// chown names the file by a descriptor of which is known that it leads to the socket:
// whoever owns the directory may have put something else in its place.
func (f fileID) chown(uid, gid int) error {
	fd, err := unix.Open(f.path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: f.path, Err: err}
	}
	defer closeFD(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: f.path, Err: err}
	}
	if !f.is(&st) || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return &fs.PathError{Op: "chown", Path: f.path, Err: errNoIdentity}
	}
	if err := unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH); err != nil {
		return &fs.PathError{Op: "chown", Path: f.path, Err: err}
	}
	return nil
}
