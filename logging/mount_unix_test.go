//go:build unix && !linux

package logging

import "errors"

func mountTiny(string) error { return errors.ErrUnsupported }

func unmount(string) error { return errors.ErrUnsupported }
