package procbridge

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// subject is what was being started when an error came.
type subject struct {
	path string
	dir  string
	user *User
}

// file is the path as this process sees it.
func (s subject) file() string {
	if s.dir == "" || filepath.IsAbs(s.path) {
		return s.path
	}
	return filepath.Join(s.dir, s.path)
}

// explain makes a *StartError of a system's error, by looking at what was to be started.
// An error that is one already stays as it is.
func explain(err error, s subject) error {
	var already *StartError
	if errors.As(err, &already) {
		return already
	}
	e := &StartError{Path: s.path, Dir: s.dir, User: s.user, Err: err}
	if st, statErr := os.Stat(s.file()); statErr == nil {
		e.Mode = st.Mode()
	}
	if e.Problem, e.Hint = aboutDir(s.dir); e.Problem == "" {
		e.Problem, e.Hint = diagnose(err, s, e.Mode)
	}
	return e
}

// aboutDir says what is wrong with a working directory, "" when nothing is.
func aboutDir(dir string) (problem, hint string) {
	if dir == "" {
		return "", ""
	}
	switch st, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "the working directory " + dir + " does not exist", "create it, or change the setting"
	case err != nil:
		return "the working directory " + dir + " cannot be used: " + err.Error(), ""
	case !st.IsDir():
		return "the working directory " + dir + " is not a directory", ""
	}
	return "", ""
}

// checkProgram refuses what can never be executed.
func checkProgram(path string, st os.FileInfo) error {
	e := &StartError{Path: path, Mode: st.Mode()}
	switch mode := st.Mode(); {
	case mode.IsDir():
		e.Problem, e.Err = "is a directory", fs.ErrPermission
	case !mode.IsRegular():
		e.Problem, e.Err = "is not a regular file", fs.ErrPermission
	case runtime.GOOS != "windows" && mode&0o111 == 0:
		e.Problem, e.Hint, e.Err = "is not executable", "chmod +x "+path, fs.ErrPermission
	default:
		return nil
	}
	return e
}

// aboutFormat says why a system does not take a file as a program.
func aboutFormat(file string) (problem, hint string) {
	first := head(file)
	system, arch := format(first)
	own := ownFormat()
	switch {
	case len(first) == 0:
		return "is empty, or cannot be read", ""
	case system == "":
		return "has no format that can be executed", "a script needs #! and its interpreter as first line"
	case system != own:
		return "is a program for another system (" + system + ")", "build it for " + runtime.GOOS + "/" + runtime.GOARCH
	case arch != "" && arch != runtime.GOARCH:
		return "is a program for another processor (" + arch + ")", "build it for " + runtime.GOOS + "/" + runtime.GOARCH
	}
	return "has a format that this system does not execute", "is it built for " + runtime.GOOS + "/" + runtime.GOARCH + ", and whole?"
}

func ownFormat() string {
	switch runtime.GOOS {
	case "windows":
		return "Windows"
	case "darwin", "ios":
		return "macOS"
	}
	return "ELF"
}
