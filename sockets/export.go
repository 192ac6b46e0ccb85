package sockets

import (
	"context"
	"os"
)

// Export returns a copy of the owner's socket as a file, to be passed to a foreign program
// (LISTEN_FDS). It is close-on-exec and non-blocking, like the socket itself. The network
// decides whether it listens for connections or takes datagrams. It gives up after 10 s.
func (c *Client) Export(network, address string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	fd, err := c.ask(ctx, network, address, ListenOptions{})
	if err != nil {
		return nil, listenError(network, address, err)
	}
	return fileOf(fd, network+" "+address), nil
}
