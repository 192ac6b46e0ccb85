package logging

import (
	"errors"
	"os"
)

// kept holds the process's original descriptors 1 and 2 aside while the log file
// takes their place.
type kept struct {
	file   [2]*os.File // duplicates of the originals
	want   [2]bool     // to be captured whenever the log is a file
	active [2]bool     // captured now
}

func keepStd() (*kept, error) {
	k := &kept{}
	for i := range k.file {
		f, err := dupStd(i)
		if err != nil {
			k.close()
			return nil, err
		}
		k.file[i] = f
	}
	return k, nil
}

// point makes f what is wanted of descriptors 1 and 2, and gives the rest back.
func (k *kept) point(f *os.File) error {
	var errs error
	for i, want := range k.want {
		switch {
		case want:
			err := setStd(i, f)
			k.active[i] = k.active[i] || err == nil
			errs = errors.Join(errs, err)
		case k.active[i]:
			errs = errors.Join(errs, k.giveBack(i))
		}
	}
	return errs
}

// restore gives back what is captured; want stays as it is.
func (k *kept) restore() error {
	var errs error
	for i, active := range k.active {
		if active {
			errs = errors.Join(errs, k.giveBack(i))
		}
	}
	return errs
}

func (k *kept) giveBack(i int) error {
	err := setStd(i, k.file[i])
	k.active[i] = k.active[i] && err != nil
	return err
}

func (k *kept) close() {
	for _, f := range k.file {
		if f != nil {
			_ = f.Close() // nothing was buffered
		}
	}
}
