//go:build !linux && !darwin && !freebsd

package sockets

import "net"

// peerUID knows nobody here, so nobody is let in.
func peerUID(*net.UnixConn) (uint32, error) { return 0, ErrUnsupported }
