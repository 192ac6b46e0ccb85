package workers

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"
)

// sentCommand is a command on its way to its keeper. Names of files and what stands in an
// environment are bytes, of which JSON would change what is no UTF-8.
type sentCommand struct {
	Command
	Quoted bool `json:",omitempty"` // all texts are in quotes, as strconv writes them
}

func encodeCommand(cmd Command) ([]byte, error) {
	s := sentCommand{Command: cmd}
	s.Args, s.Env, s.Listen = slices.Clone(cmd.Args), slices.Clone(cmd.Env), slices.Clone(cmd.Listen)
	texts := s.texts()
	if slices.ContainsFunc(texts, func(t *string) bool { return !utf8.ValidString(*t) }) {
		s.Quoted = true
		for _, t := range texts {
			*t = strconv.Quote(*t)
		}
	}
	return json.Marshal(s)
}

func decodeCommand(body []byte) (Command, error) {
	var s sentCommand
	if err := json.Unmarshal(body, &s); err != nil {
		return Command{}, err
	}
	for _, t := range s.texts() {
		if !s.Quoted {
			break
		}
		text, err := strconv.Unquote(*t)
		if err != nil {
			return Command{}, err
		}
		*t = text
	}
	if s.Path == "" {
		return Command{}, errors.New("it names no program")
	}
	return s.Command, nil
}

// texts are all of a command's texts.
func (c *Command) texts() []*string {
	all := []*string{&c.Path, &c.Dir, &c.User, &c.Group}
	for _, list := range [][]string{c.Args, c.Env, c.Listen} {
		for i := range list {
			all = append(all, &list[i])
		}
	}
	return all
}
