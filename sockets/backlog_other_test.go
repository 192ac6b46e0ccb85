//go:build unix && !linux

package sockets

import "testing"

func checkBacklog(*testing.T, int, int) {}
