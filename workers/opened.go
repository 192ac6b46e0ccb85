package workers

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/serverengine/serverengine-go/sockets"
)

// opened are the sockets that a life has got by its Self. A stop drains those that are
// pinned to its slot and closes the others. When Run has returned all are closed, and only
// then the end of the life is told: who owns the sockets counts on it.
type opened struct {
	mu   sync.Mutex
	all  []io.Closer
	over bool
}

// errOver is what a goroutine gets that outlives its worker.
var errOver = errors.New("the worker's Run has returned")

// add notes c, or closes it if the life is over.
func (o *opened) add(c io.Closer) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return errors.Join(errOver, c.Close())
	}
	o.all = append(o.all, c)
	return nil
}

// close closes all; the worker may have done so already.
func (o *opened) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	for _, c := range o.all {
		_ = c.Close()
	}
	o.all = nil
}

// pinned is the listener on a pinned socket that l accepts from, nil if there is none. What
// wraps one of ours (TLS, a limit of connections) shows its address.
func (o *opened) pinned(l net.Listener) *sockets.DrainingListener {
	at := l.Addr()
	if at == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.all {
		d, ok := c.(*sockets.DrainingListener)
		if ok && d.Addr().Network() == at.Network() && d.Addr().String() == at.String() {
			return d
		}
	}
	return nil
}
