package sockets

// pathSocket is the unix socket for outsiders.
type pathSocket struct{}

func (p *pathSocket) close(keep bool) error { return nil }
