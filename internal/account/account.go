// Package account finds users and groups of the system, by name or number.
package account

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// Account is who a process runs as.
type Account struct {
	Name   string // of the user; may be empty for a bare number
	Uid    uint32
	Gid    uint32
	Groups []uint32 // supplementary groups
}

// Lookup finds a user and a group. An empty user keeps uid, an empty group means the
// user's own groups, or gid when the user is empty too. A number need not be in the
// system's list: its groups are then only the group.
func Lookup(userName, groupName string, uid, gid int) (*Account, error) {
	a := &Account{Uid: uint32(uid), Gid: uint32(gid)}
	if userName != "" {
		if err := a.user(userName); err != nil {
			return nil, err
		}
	}
	if groupName == "" {
		return a, nil
	}
	id, err := group(groupName)
	if err != nil {
		return nil, err
	}
	a.Gid = id
	if len(a.Groups) == 0 {
		a.Groups = []uint32{id}
	}
	return a, nil
}

func (a *Account) user(name string) error {
	u, err := user.Lookup(name)
	if err != nil {
		n, numErr := strconv.ParseUint(name, 10, 32)
		if numErr != nil {
			return fmt.Errorf("user %q: %w", name, ErrUnknown)
		}
		a.Uid = uint32(n)
		if u, err = user.LookupId(name); err != nil {
			return nil // a number without an entry
		}
	}
	a.Name = u.Username
	return a.take(u)
}

func (a *Account) take(u *user.User) error {
	uid, err := number(u.Uid)
	if err != nil {
		return err
	}
	gid, err := number(u.Gid)
	if err != nil {
		return err
	}
	a.Uid, a.Gid, a.Groups = uid, gid, nil
	ids, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("groups of user %q: %w", u.Username, err)
	}
	for _, id := range ids {
		n, err := number(id)
		if err != nil {
			return err
		}
		a.Groups = append(a.Groups, n)
	}
	return nil
}

// ErrUnknown says that the system has no such user or group.
var ErrUnknown = errors.New("there is no such user or group on this system")

func group(name string) (uint32, error) {
	if g, err := user.LookupGroup(name); err == nil {
		return number(g.Gid)
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("group %q: %w", name, ErrUnknown)
	}
	return uint32(n), nil
}

func number(id string) (uint32, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is no number of a user or group: accounts are for Unix", id)
	}
	return uint32(n), nil
}
