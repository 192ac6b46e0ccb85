//go:build unix

package account

import (
	"errors"
	"os"
	"testing"
)

func TestLookup(t *testing.T) {
	root, err := Lookup("root", "", -1, -1)
	if err != nil || root.Uid != 0 || root.Gid != 0 || len(root.Groups) == 0 {
		t.Fatalf("root: %+v, %v", root, err)
	}
	same, err := Lookup("0", "0", -1, -1)
	if err != nil || same.Uid != 0 || same.Gid != 0 || same.Name != "root" {
		t.Fatalf("0: %+v, %v", same, err)
	}
	bare, err := Lookup("424242", "434343", -1, -1)
	if err != nil || bare.Uid != 424242 || bare.Gid != 434343 || len(bare.Groups) != 1 {
		t.Fatalf("bare numbers: %+v, %v", bare, err)
	}
	self, err := Lookup("424242", "", 424242, 434343)
	if err != nil || self.Uid != 424242 || self.Gid != 434343 {
		t.Fatalf("who it is already: %+v, %v", self, err)
	}
	mine, err := Lookup("", "0", os.Getuid(), os.Getgid())
	if err != nil || int(mine.Uid) != os.Getuid() || mine.Gid != 0 {
		t.Fatalf("only a group: %+v, %v", mine, err)
	}
}

func TestLookupWantsAGroupWithABareNumber(t *testing.T) {
	if a, err := Lookup("424242", "", 0, 0); !errors.Is(err, ErrNoGroup) {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLookupRefusesTheUnknown(t *testing.T) {
	for _, c := range [][2]string{{"no-such-user", ""}, {"", "no-such-group"}} {
		if a, err := Lookup(c[0], c[1], 0, 0); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: %+v, %v", c, a, err)
		}
	}
}
