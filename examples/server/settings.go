package main

import (
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"github.com/serverengine/serverengine-go"
)

// settings are keys of our own in the configuration: a file may have them beside the
// library's.
type settings struct {
	Bind          string  `yaml:"bind"`
	Port          int     `yaml:"port"`
	Message       string  `yaml:"message"`
	Sleep         float64 `yaml:"sleep"`           // seconds between two messages
	ExitWithCode  int     `yaml:"exit_with_code"`  // -1: a worker does not end by itself
	ExitAtSeconds float64 `yaml:"exit_at_seconds"` // after its start
	ExitAtRandom  bool    `yaml:"exit_at_random"`  // at a random moment before
}

var defaults = settings{
	Bind: "0.0.0.0", Port: 12345, Message: "Awesome work!", Sleep: 1, ExitWithCode: -1, ExitAtSeconds: 5,
}

func settingsOf(cfg serverengine.Config) (settings, error) {
	s := defaults
	err := cfg.Decode(&s)
	return s, err
}

func (s settings) into(cfg *serverengine.Config) {
	cfg.Set("bind", s.Bind)
	cfg.Set("port", s.Port)
	cfg.Set("message", s.Message)
	cfg.Set("sleep", s.Sleep)
	cfg.Set("exit_with_code", s.ExitWithCode)
	cfg.Set("exit_at_seconds", s.ExitAtSeconds)
	cfg.Set("exit_at_random", s.ExitAtRandom)
}

func (s settings) address() string { return net.JoinHostPort(s.Bind, strconv.Itoa(s.Port)) }

// exitAfter is when a worker ends by itself; negative is never.
func (s settings) exitAfter() time.Duration {
	if s.ExitWithCode < 0 {
		return -1
	}
	seconds := s.ExitAtSeconds
	if s.ExitAtRandom {
		seconds *= rand.Float64()
	}
	return time.Duration(seconds * float64(time.Second))
}
