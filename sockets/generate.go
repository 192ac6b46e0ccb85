package sockets

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// EnvSockDir names the directory for GeneratePath (the seed's variable).
const EnvSockDir = "SERVERENGINE_SOCKETMANAGER_SOCK_DIR"

// dirPrefix begins the names of the directories that GeneratePath makes.
const dirPrefix = "serverengine-"

// GeneratePath returns a fresh path for OpenPath: "sock" in a new directory of
// mode 0700, which lies in that of EnvSockDir. Without this variable it lies in
// the first of RUNTIME_DIRECTORY (its first entry), XDG_RUNTIME_DIR and the
// directory for temporary files that this process may write: the first two may
// still be those of a user that it was. Server.Close removes the directory.
func GeneratePath() (string, error) { return generatePath(nil) }

// generatePath takes only what who can reach; nil is this process.
func generatePath(who *User) (string, error) {
	var problems []string
	var last error
	for _, b := range bases() {
		path, err := b.generate(who)
		if err == nil {
			return path, nil
		}
		problems, last = append(problems, fmt.Sprintf("in %s (%s): %v", b.dir, b.from, err)), err
	}
	return "", &noDirError{text: strings.Join(problems, "; "), last: last}
}

// noDirError says of each directory that was tried why the path can't lie there.
type noDirError struct {
	text string
	last error
}

func (e *noDirError) Error() string {
	return "sockets: no place for the socket manager's path: " + e.text + "; let " + EnvSockDir + " name a directory that this process may write"
}

func (e *noDirError) Unwrap() error { return e.last }

// base is a directory in which a path may be made.
type base struct {
	dir  string
	from string // who says so
}

func bases() []base {
	if v := os.Getenv(EnvSockDir); v != "" {
		return []base{{v, "$" + EnvSockDir}} // named for us: no other will do
	}
	var all []base
	first, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":")
	for _, b := range []base{{first, "$RUNTIME_DIRECTORY"}, {os.Getenv("XDG_RUNTIME_DIR"), "$XDG_RUNTIME_DIR"}} {
		if b.dir != "" {
			all = append(all, b)
		}
	}
	return append(all, base{os.TempDir(), "the directory for temporary files"})
}

func (b base) generate(who *User) (string, error) {
	if who != nil {
		if err := reachable(b.dir, *who); err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp(b.dir, dirPrefix)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "sock")
	id, err := identify(dir)
	if err == nil {
		err = checkPath(path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(dir))
	}
	generated.add(id)
	return path, nil
}

// generated are the directories that GeneratePath has made in this process. A
// Server removes no other: the name alone could be anybody's.
var generated directories

type directories struct {
	mu  sync.Mutex
	all []fileID
}

func (d *directories) add(id fileID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, id)
}

// of is the directory of a path, if it is one of them.
func (d *directories) of(path string) fileID {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fileID{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range d.all {
		if id.path == filepath.Dir(abs) && id.current() {
			return id
		}
	}
	return fileID{}
}

// remove forgets a directory, and removes it if it is empty, unless keep.
func (d *directories) remove(id fileID, keep bool) {
	if !keep {
		_ = id.remove() // it stays if it is not empty
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = slices.DeleteFunc(d.all, func(x fileID) bool { return x.path == id.path })
}
