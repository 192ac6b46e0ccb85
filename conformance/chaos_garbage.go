//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// direction is that of a pipe: up is from a child to its parent.
type direction bool

const (
	up   direction = true
	down direction = false
)

// grant is what a child of ours is told about its pipes, see package procbridge.
type grant struct {
	Down, Up int
	Info     struct{ Role string }
}

// grantOf reads it from outside; errNobody if pid is no such process (yet).
func grantOf(pid int, role string) (grant, error) {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return grant{}, errNobody
	}
	for v := range strings.SplitSeq(string(env), "\x00") {
		text, ours := strings.CutPrefix(v, "SERVERENGINE_BRIDGE=")
		if !ours {
			continue
		}
		var g grant
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			return grant{}, err
		}
		if g.Info.Role == role { // a child that is about to become another program has its parent's
			return g, nil
		}
	}
	return grant{}, errNobody
}

// garbage writes what is no frame into a pipe of a worker's or a server's. It costs the
// child its life, whoever seems to have written it.
func (c *chaos) garbage(role string, way direction) error {
	text := c.nonsense(way)
	choose := c.worker
	if role == "server" {
		choose = c.server
	}
	pid, err := choose()
	if err != nil {
		return err
	}
	if role == "worker" {
		c.load.excuse(fmt.Sprintf("worker %d speaks garbage", pid), pid)
	}
	if err := inject(pid, role, way, text); err != nil {
		return err
	}
	c.condemned[pid] = true
	return nil
}

// nonsense is one of several kinds of what is no frame, see the wire in package procbridge.
func (c *chaos) nonsense(way direction) []byte {
	some := make([]byte, 16+c.random.IntN(200)) // longer than a header
	for i := range some {
		some[i] = byte(c.random.IntN(256))
	}
	some[0] |= 1 << 7 // no header begins so
	kinds := [][]byte{
		some,
		[]byte("hello, world, this is a line of text\n"),                             // a stray print
		binary.BigEndian.AppendUint32([]byte{'S', 'E', 1, 66}, 1<<31),                // too long a frame
		append(binary.BigEndian.AppendUint32([]byte{'S', 'E', 1, 64}, 4), "{{{{"...), // no JSON
		append(binary.BigEndian.AppendUint32([]byte{'S', 'E', 1, 64}, 20), "{"...),   // the next beats seem to belong to it
	}
	if way == down { // where the next frame may not come for long
		kinds = kinds[:3]
	}
	return kinds[c.random.IntN(len(kinds))]
}

// inject opens the writing end of a pipe from outside.
func inject(pid int, role string, way direction, text []byte) error {
	g, err := grantOf(pid, role)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("/proc/%d/fd/%d", pid, g.Up)
	if way == down {
		if name, err = writingEnd(parentOf(pid), fmt.Sprintf("/proc/%d/fd/%d", pid, g.Down)); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody reads would block
	if err != nil {
		return errNobody
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errNobody
	}
	return nil
}

// writingEnd finds the other end of a pipe in a process.
func writingEnd(pid int, readingEnd string) (string, error) {
	target, err := os.Readlink(readingEnd)
	if err != nil {
		return "", errNobody
	}
	all := descriptors(pid)
	i := slices.IndexFunc(all, func(d descriptor) bool { return d.writes && d.target == target })
	if i < 0 {
		return "", errNobody
	}
	return fmt.Sprintf("/proc/%d/fd/%s", pid, all[i].number), nil
}

// garbageToTop is an operator's: words that are none, and lines that are far too long.
func (c *chaos) garbageToTop() error {
	some := make([]byte, c.random.IntN(10_000))
	for i := range some {
		some[i] = byte(c.random.IntN(256))
	}
	_, err := c.words.Write(append(some, "\nGRACEFUL_STOPS\n"...))
	return err
}
