//go:build unix && !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package procbridge

// awaitDeath is false: this system does not show an end without reaping.
func (p *Process) awaitDeath() (unreaped bool) { return false }
