package sockets

import (
	"net"
)

// keepPath makes Close leave the file alone: only the Server removes it.
func keepPath(ln net.Listener) {
	if ul, ok := ln.(*net.UnixListener); ok {
		ul.SetUnlinkOnClose(false)
	}
}

// listenerOf takes over fd.
func listenerOf(fd int, network, address string) (net.Listener, error) {
	f := fileOf(fd, network+" "+address)
	defer func() { _ = f.Close() }()
	ln, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	keepPath(ln)
	return ln, nil
}

// packetConnOf takes over fd.
func packetConnOf(fd int, network, address string) (net.PacketConn, error) {
	f := fileOf(fd, network+" "+address)
	defer func() { _ = f.Close() }()
	return net.FilePacketConn(f)
}
