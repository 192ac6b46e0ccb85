//go:build !linux

package sockets

// maxPath is sizeof(sun_path) without its zero byte, of the BSDs.
const maxPath = 103
