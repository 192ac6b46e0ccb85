//go:build !linux

package sockets

import "errors"

// canSteer is false where the system either knows no SO_REUSEPORT or gives all
// connections to one of its sockets: there a pinned address is a shared one.
const canSteer = false

func attachSteering(int, int) error { return errors.ErrUnsupported }
func queued(int, bool) int          { return 0 }
func shut(int)                      {}
func discard(int) int               { return 0 }
