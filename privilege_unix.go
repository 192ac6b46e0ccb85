//go:build unix

package serverengine

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/serverengine/serverengine-go/config"
	"github.com/serverengine/serverengine-go/internal/account"
)

// dropPrivileges makes this process the user, group and umask that the configuration says,
// in the order group, supplementary groups, user, and verifies it. Before that, give gives
// away what the user has to own.
func dropPrivileges(cfg Config, give func(uid, gid int) error) error {
	if cfg.Chumask != config.NoUmask {
		syscall.Umask(int(cfg.Chumask))
	}
	if cfg.Chuser == "" && cfg.Chgroup == "" {
		return nil
	}
	a, err := account.Lookup(cfg.Chuser, cfg.Chgroup, os.Getuid(), os.Getgid())
	if err != nil {
		return privilegeError(cfg, err, "give a user and a group of this system, by name or number")
	}
	if alreadyIs(a) {
		return nil
	}
	if err := give(int(a.Uid), int(a.Gid)); err != nil {
		return privilegeError(cfg, err, "only root can change user or group")
	}
	if err := become(a); err != nil {
		return privilegeError(cfg, err, "only root can change user or group: start as root, or leave the keys out")
	}
	return nil
}

// alreadyIs reports whether this process is the account without having the rights of root:
// it may not set its supplementary groups, and need not. Worker processes are treated so too.
func alreadyIs(a *account.Account) bool {
	return os.Geteuid() != 0 && os.Geteuid() == int(a.Uid) && os.Getegid() == int(a.Gid)
}

func privilegeError(cfg Config, err error, hint string) error {
	key, value := "chuser", cfg.Chuser
	if value == "" {
		key, value = "chgroup", cfg.Chgroup
	}
	return &ConfigError{Key: key, Value: value, Problem: err.Error(), Hint: hint}
}

func become(a *account.Account) error {
	groups := make([]int, 0, len(a.Groups))
	for _, g := range a.Groups {
		groups = append(groups, int(g))
	}
	if err := syscall.Setgid(int(a.Gid)); err != nil {
		return fmt.Errorf("set the group %d: %w", a.Gid, err)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("set the supplementary groups: %w", err)
	}
	if err := syscall.Setuid(int(a.Uid)); err != nil {
		return fmt.Errorf("set the user %d: %w", a.Uid, err)
	}
	return verify(a, groups)
}

// verify does not trust what the calls have said.
func verify(a *account.Account, groups []int) error {
	have, err := syscall.Getgroups()
	if err != nil {
		return fmt.Errorf("read the groups back: %w", err)
	}
	slices.Sort(have)
	slices.Sort(groups)
	uid, gid := int(a.Uid), int(a.Gid)
	if os.Getuid() != uid || os.Geteuid() != uid || os.Getgid() != gid || os.Getegid() != gid || !slices.Equal(slices.Compact(have), slices.Compact(groups)) {
		return fmt.Errorf("the change did not take effect: user %d, group %d, groups %v", os.Geteuid(), os.Getegid(), have)
	}
	if uid != 0 && syscall.Setuid(0) == nil {
		return fmt.Errorf("user %d could become root again", uid)
	}
	return nil
}
