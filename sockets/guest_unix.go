//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// reachable reports why a user can't get to what lies in dir. It knows the mode
// bits: where an access list says otherwise another directory is taken.
func reachable(dir string, u User) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for _, d := range []string{dir, real} { // links may be passed in the former
		for ; ; d = filepath.Dir(d) {
			if info, err := os.Stat(d); err != nil {
				return err
			} else if !passes(info, u) {
				return fmt.Errorf("%s is closed to user %d: %w", d, u.UID, fs.ErrPermission)
			}
			if d == filepath.Dir(d) {
				break
			}
		}
	}
	return nil
}

// passes reports whether a user may search a directory.
func passes(info fs.FileInfo, u User) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case u.UID == 0 || !ok:
		return true
	case st.Uid == u.UID:
		return mode&0o100 != 0
	case st.Gid == u.GID || slices.Contains(u.Groups, st.Gid):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}

// giveFiles changes who may reach the socket. Every file is named by what is
// known to be ours: the directory by its descriptor, the socket in it, which
// nobody else can replace, without following a link.
func (p *pathSocket) giveFiles(u User) error {
	dir, err := unix.Open(p.dir.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", p.dir.path, err)
	}
	defer closeFD(dir)
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return fmt.Errorf("look at %s: %w", p.dir.path, err)
	}
	if !p.dir.is(&st) || int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		return fmt.Errorf("%s is not the directory that was made, or others may write it", p.dir.path)
	}
	name := filepath.Base(p.file.path)
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("look at %s: %w", p.file.path, err)
	}
	if !p.file.is(&st) {
		return fmt.Errorf("%s is not the socket that was made", p.file.path)
	}
	mode, group := uint32(0o710), int(u.GID)
	if int(u.UID) == os.Geteuid() {
		mode, group = 0o700, os.Getegid()
	}
	err = errors.Join(
		os.NewSyscallError("chown", unix.Fchownat(dir, name, int(u.UID), -1, unix.AT_SYMLINK_NOFOLLOW)),
		os.NewSyscallError("chown", unix.Fchown(dir, -1, group)),
	)
	if err != nil {
		return fmt.Errorf("give %s away: %w", p.file.path, err)
	}
	return os.NewSyscallError("chmod", unix.Fchmod(dir, mode))
}

// is reports whether it is this file that st describes.
func (f fileID) is(st *unix.Stat_t) bool {
	if f.info == nil {
		return false
	}
	known, ok := f.info.Sys().(*syscall.Stat_t)
	return ok && uint64(known.Dev) == uint64(st.Dev) && known.Ino == st.Ino
}
