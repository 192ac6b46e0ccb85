//go:build linux

package main

import (
	"errors"
	"fmt"
	"os/user"
	"time"
)

func makeExit(w words) (action, error) {
	want, limit, early := w.number(), w.limit("within", patience), w.limit("early", 0)
	return func(p *play) error {
		if err := p.awaitEnd(limit); err != nil {
			return err
		}
		if got := p.endedAt.Sub(p.acted); got < early {
			return fmt.Errorf("after only %s", got)
		}
		if p.code != want {
			return fmt.Errorf("the exit code is %d", p.code)
		}
		return nil
	}, nil
}

func makeGone(w words) (action, error) {
	limit, early := w.limit("within", patience), w.limit("early", 0)
	return func(p *play) error { return errors.Join(p.awaitGone(limit), p.late(early)) }, nil
}

// late tells whether the last action was so long ago.
func (p *play) late(early time.Duration) error {
	if got := time.Since(p.acted); got < early {
		return fmt.Errorf("after only %s", got)
	}
	return nil
}

func makeDead(w words) (action, error) {
	limit, early := w.limit("within", patience), w.limit("early", 0)
	return func(p *play) error {
		pids, err := p.pids(w["who"])
		if err != nil {
			return err
		}
		err = until(limit, func() (bool, error) {
			for _, pid := range pids {
				if alive(pid) {
					return false, nil
				}
			}
			return true, nil
		})
		return errors.Join(err, p.late(early))
	}, nil
}

func makeAlive(w words) (action, error) {
	hold := w.limit("hold", 0)
	return func(p *play) error {
		pids, err := p.pids(w["who"])
		if err != nil {
			return err
		}
		return p.holds(hold, func() error {
			for _, pid := range pids {
				if !alive(pid) {
					return fmt.Errorf("pid %d is gone", pid)
				}
			}
			return nil
		})
	}, nil
}

// makeCount counts the processes that have marked a run and live.
func makeCount(w words) (action, error) {
	want := w.number()
	return func(p *play) error {
		n := 0
		err := until(patience, func() (bool, error) {
			marks, err := readMarks(p.path("marks"))
			if err != nil {
				return false, err
			}
			n = livingWorkers(marks)
			return n == want, nil
		})
		if errors.Is(err, errNever) {
			return fmt.Errorf("%d live", n)
		}
		return err
	}, nil
}

func livingWorkers(marks []mark) int {
	living := map[int]bool{}
	for _, m := range marks {
		if m.kind == "run" && alive(m.pid) {
			living[m.pid] = true
		}
	}
	return len(living)
}

func makeName(w words) (action, error) {
	return func(p *play) error {
		return p.becomes(w["who"], w["rest"], func(pid int) string { return title(pid) })
	}, nil
}

// makeIdentity looks at whom a process runs as: all its threads do, or it is not so.
func makeIdentity(w words) (action, error) {
	return func(p *play) error {
		return p.becomes(w["who"], w["rest"], func(pid int) string { return identity(pid, w["what"]) })
	}, nil
}

// becomes waits until a process has a property.
func (p *play) becomes(name, want string, property func(pid int) string) error {
	got := ""
	err := until(10*time.Second, func() (bool, error) {
		pid, err := p.pidOf(name)
		if err != nil {
			return false, err
		}
		got = property(pid)
		return got == want, nil
	})
	if errors.Is(err, errNever) {
		return fmt.Errorf("it is %q", got)
	}
	return err
}

func identity(pid int, what string) string {
	switch what {
	case "user":
		if ids := statusLine(pid, "Uid"); len(ids) == 4 && ids[0] == ids[1] && ids[1] == ids[2] {
			if u, err := user.LookupId(ids[0]); err == nil {
				return u.Username
			}
		}
	case "group":
		if ids := statusLine(pid, "Gid"); len(ids) == 4 && ids[0] == ids[1] && ids[1] == ids[2] {
			if g, err := user.LookupGroupId(ids[0]); err == nil {
				return g.Name
			}
		}
	case "policy":
		return map[string]string{"0": "other", "3": "batch"}[statField(pid, 38)]
	case "umask":
		if mask := statusLine(pid, "Umask"); len(mask) == 1 {
			return mask[0]
		}
	}
	return ""
}
