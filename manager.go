package serverengine

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/serverengine/serverengine-go/internal/account"
	"github.com/serverengine/serverengine-go/sockets"
)

// manager is the top's way to programs that are not attached to it: the path of the socket
// manager. It is opened when somebody needs it, by the user that the top has become, and is
// for root, that user, and who worker processes run as. Whoever one command alone runs as
// (Command.User) is not let in: it can be given sockets by Command.Listen.
type manager struct {
	workers atomic.Pointer[workerUser] // of the configuration in force

	mu    sync.Mutex
	given workerUser // to whom the path was given
}

// workerUser is who worker processes run as, as the configuration names them; the zero value
// is the user of the top.
type workerUser struct{ user, group string }

// follow notes who workers run as from now on.
func (m *manager) follow(cfg Config) {
	var w workerUser
	if needsProcesses(cfg) && cfg.WorkerChuser != "" {
		w = workerUser{cfg.WorkerChuser, cfg.WorkerChgroup}
	}
	m.workers.Store(&w)
}

// Manager opens the socket manager's path when somebody needs it, and gives it to who
// workers run as. That is done once, and again only for another user after a reload: when
// the first of its workers asks.
func (h *house) Manager() (path, token string, err error) {
	m := &h.manager
	m.mu.Lock()
	defer m.mu.Unlock()
	wanted := *m.workers.Load()
	switch {
	case h.sockets.Path() == "":
		err = h.sockets.OpenPathFor(wanted.account())
	case wanted != m.given:
		err = h.sockets.GivePathTo(wanted.account())
	}
	if err != nil {
		return "", "", err
	}
	m.given = wanted
	return h.sockets.Path(), h.sockets.Token(), nil
}

// takenOver is told that another program has all sockets now.
func (h *house) takenOver(by string) {
	h.log.Warnf("the sockets were taken over by %s: there is no new address here any more, nor, with socket_reuseport, another number of workers. Stop this server when the other one serves", by)
}

// account is who that is; this process's user where only root could give anything to
// somebody else, or where there is no such user: then the start of a worker says so.
func (w workerUser) account() sockets.User {
	own := sockets.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	if w.user == "" || os.Geteuid() != 0 {
		return own
	}
	a, err := account.Lookup(w.user, w.group, os.Getuid(), os.Getgid())
	if err != nil {
		return own
	}
	return sockets.User{UID: a.Uid, GID: a.Gid, Groups: a.Groups}
}
