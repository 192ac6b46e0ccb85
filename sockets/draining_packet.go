package sockets

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// DrainingPacketConn is for datagrams what DrainingListener is for connections:
// after Drain its ReadFrom gives what the kernel has queued and then
// net.ErrClosed. Writing goes on until Close, so that what was read can be answered.
// Its PacketConn has the methods of the socket's own type.
type DrainingPacketConn struct {
	net.PacketConn
	limit time.Duration

	mu       sync.Mutex
	draining bool
	until    time.Time
	ended    bool // nothing is read any more
	closed   bool
}

// NewDrainingPacketConn takes pc, a UDP or unix socket, over. limit is as for
// NewDrainingListener.
func NewDrainingPacketConn(pc net.PacketConn, limit time.Duration) (*DrainingPacketConn, error) {
	if _, ok := pc.(syscall.Conn); !ok {
		return nil, fmt.Errorf("sockets: cannot drain a %T: %w", pc, errors.ErrUnsupported)
	}
	if limit <= 0 {
		limit = time.Second
	}
	return &DrainingPacketConn{PacketConn: pc, limit: limit}, nil
}

// Drain begins the end. It does not wait; somebody has to go on calling
// ReadFrom. A second call changes nothing.
func (p *DrainingPacketConn) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining || p.closed {
		return
	}
	p.draining, p.until = true, time.Now().Add(p.limit)
	_ = p.PacketConn.SetReadDeadline(time.Unix(1, 0)) // wakes ReadFrom
}

// EndReading makes ReadFrom give net.ErrClosed from now on: what the kernel has queued is
// left to others that have a copy of the socket.
func (p *DrainingPacketConn) EndReading() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.draining, p.ended = true, true
	_ = p.PacketConn.SetReadDeadline(time.Unix(1, 0)) // wakes ReadFrom
}

// ReadFrom is net.PacketConn's. After Drain it never waits.
func (p *DrainingPacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if p.hasEnded() {
			return 0, nil, &net.OpError{Op: "read", Net: p.LocalAddr().Network(), Source: p.LocalAddr(), Err: net.ErrClosed}
		}
		n, from, err := p.PacketConn.ReadFrom(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !p.goOn() {
			return n, from, err
		}
		if !readable(p.PacketConn) || p.over() {
			p.EndReading()
		}
	}
}

// grace is more than a read of what is there already takes; if not, it is tried
// again.
const grace = 100 * time.Millisecond

// goOn lets the next read find what is queued. It is false if the deadline that
// passed was not Drain's.
func (p *DrainingPacketConn) goOn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining && !p.closed && !p.ended {
		_ = p.PacketConn.SetReadDeadline(time.Now().Add(grace))
	}
	return p.draining
}

func (p *DrainingPacketConn) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

func (p *DrainingPacketConn) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || time.Now().After(p.until)
}

// SetReadDeadline is net.PacketConn's; after Drain it has no effect.
func (p *DrainingPacketConn) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.draining {
		return nil
	}
	return p.PacketConn.SetReadDeadline(t)
}

// SetDeadline is net.PacketConn's; after Drain it counts for writing only.
func (p *DrainingPacketConn) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

// Close ends ReadFrom at once. Closing twice is fine.
func (p *DrainingPacketConn) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	p.closed = true
	return p.PacketConn.Close()
}
