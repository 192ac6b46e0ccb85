//go:build !unix

package serverengine

import "github.com/serverengine/serverengine-go/config"

func dropPrivileges(cfg Config, _ func(uid, gid int) error) error {
	if cfg.Chuser != "" || cfg.Chgroup != "" || cfg.Chumask != config.NoUmask {
		return &ConfigError{Key: "chuser", Value: cfg.Chuser, Problem: "is not available on this system", Hint: "leave chuser, chgroup and chumask out, and let the service manager choose the user"}
	}
	return nil
}
