//go:build unix

package procbridge

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// diagnose says in words what errno means for a start.
func diagnose(err error, s subject, mode fs.FileMode) (problem, hint string) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error(), ""
	}
	switch errno {
	case syscall.ENOENT, syscall.ENOTDIR:
		return aboutMissing(s, mode)
	case syscall.EACCES:
		return aboutAccess(s, mode)
	case syscall.ENOEXEC:
		return aboutFormat(s.file())
	case syscall.EPERM:
		if s.user != nil {
			return "changing the user was not permitted", "only root may start children as somebody else"
		}
		return "not permitted", ""
	case syscall.EAGAIN:
		return "no room for another process", "raise the limit on processes (ulimit -u, pids.max of the cgroup)"
	case syscall.EMFILE:
		return "this process has too many open files", "raise ulimit -n"
	case syscall.ENFILE:
		return "the system has too many open files", "raise fs.file-max"
	case syscall.ENOMEM:
		return "no memory for another process", ""
	case syscall.ETXTBSY:
		return "is being written", "replace a program by renaming the new file over it"
	case syscall.E2BIG:
		return "arguments and environment are too large together", ""
	case syscall.EINVAL:
		return "an argument, a variable or the user is invalid", "is there a NUL byte, or a uid that does not exist?"
	case syscall.ELOOP:
		return "its symlinks go in a circle", ""
	}
	return errno.Error(), ""
}

func aboutMissing(s subject, mode fs.FileMode) (problem, hint string) {
	if mode == 0 {
		for dir := filepath.Dir(s.file()); ; dir = filepath.Dir(dir) {
			if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
				return "does not exist", "what exists is " + dir
			}
		}
	}
	if with := interpreter(head(s.file())); with != "" {
		return "its interpreter " + with + " does not exist", "install it, or change the first line"
	}
	return "its loader or interpreter does not exist", "is it built for this system's C library?"
}

func aboutAccess(s subject, mode fs.FileMode) (problem, hint string) {
	switch {
	case mode.IsDir():
		return "is a directory", ""
	case mode != 0 && mode&0o111 == 0:
		return "is not executable", "chmod +x " + s.file()
	case s.user != nil:
		return "this user may not execute it", "every directory above must let the user through, and no noexec mount lie between"
	}
	return "permission denied", "a directory above, a noexec mount, or a security policy forbids it"
}

// interpreter is the program that a script's first line names, "" when it names none.
func interpreter(first []byte) string {
	line, ok := bytes.CutPrefix(first, []byte("#!"))
	if !ok {
		return ""
	}
	if k := bytes.IndexByte(line, '\n'); k >= 0 {
		line = line[:k]
	}
	if fields := bytes.Fields(line); len(fields) > 0 {
		return string(fields[0])
	}
	return ""
}
