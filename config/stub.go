package config

import (
	"errors"
	"io"
)

const startHint = "start from serverengine.Default()"

var errTODO = errors.New("not built yet")

func (c *Config) Merge(path string) error                 { return errTODO }
func (c *Config) MergeBytes(name string, b []byte) error  { return errTODO }
func Load(src Source) (Config, error)                     { return guarded(src) }
func (c Config) Validate() error                          { return nil }
func (c Config) Get(key string) (any, bool)               { return nil, false }
func (c *Config) Set(key string, v any)                   {}
func (c Config) Decode(v any) error                       { return errTODO }
func (c Config) DecodeKey(key string, v any) error        { return errTODO }
func (c Config) Warnings() []string                       { return nil }
func (c Config) ResolvedRestartStrategy() RestartStrategy { return StrategyAll }
func Encode(c Config) ([]byte, error)                     { return nil, errTODO }
func Decode(b []byte) (Config, error)                     { return Config{}, errTODO }
func Diff(old, new Config) []Change                       { return nil }
func WriteReference(w io.Writer) error                    { return errTODO }

type Change struct {
	Key, Old, New string
	Reload        Reload
}

func (c Change) String() string { return "" }
