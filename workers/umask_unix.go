//go:build unix

package workers

import (
	"syscall"

	"github.com/serverengine/serverengine-go/config"
)

func setUmask(u config.Umask) error {
	if u != config.NoUmask {
		syscall.Umask(int(u))
	}
	return nil
}
