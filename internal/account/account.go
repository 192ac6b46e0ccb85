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
// system's list: its groups are then only the group, which has to be named, since to keep
// that of a privileged process would be half a change. Who keeps the uid keeps the gid.
func Lookup(userName, groupName string, uid, gid int) (*Account, error) {
	a := &Account{Uid: uint32(uid), Gid: uint32(gid)}
	if userName != "" {
		listed, err := a.user(userName)
		if err != nil {
			return nil, err
		}
		if !listed && groupName == "" && a.Uid != uint32(uid) {
			return nil, fmt.Errorf("user %q: %w", userName, ErrNoGroup)
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

// user reports whether the user is in the system's list.
func (a *Account) user(name string) (listed bool, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		n, numErr := strconv.ParseUint(name, 10, 32)
		if numErr != nil {
			return false, fmt.Errorf("user %q: %w", name, ErrUnknown)
		}
		a.Uid = uint32(n)
		if u, err = user.LookupId(name); err != nil {
			return false, nil
		}
	}
	a.Name = u.Username
	return true, a.take(u)
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

// ErrNoGroup says that a user is only a number, so that its group is not known.
var ErrNoGroup = errors.New("has no entry in this system's list, so its group has to be given as well")

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
