//go:build !unix

package workers

import (
	"errors"

	"github.com/serverengine/serverengine-go/config"
)

func setUmask(u config.Umask) error {
	if u != config.NoUmask {
		return errors.New("worker_chumask: this system has no umask; remove the key")
	}
	return nil
}
