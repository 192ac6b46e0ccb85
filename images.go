package serverengine

import (
	"fmt"
	"sync"

	"github.com/serverengine/serverengine-go/procbridge"
)

// images holds the program files that worker processes run, by the server's numbers. A
// start always executes an opened file, so that what happens on the disk between two
// restarts mixes no versions.
type images struct {
	path string // of the program; empty = worker processes are not used
	mu   sync.Mutex
	open map[int]*procbridge.Image
}

func newImages(path string) *images {
	return &images{path: path, open: map[int]*procbridge.Image{}}
}

// Open opens the running program as number 0, and what is at the program's path now as any
// other.
func (i *images) Open(n int) error {
	if i.path == "" {
		return nil
	}
	open := procbridge.CurrentImage
	if n > 0 {
		open = func() (*procbridge.Image, error) { return procbridge.OpenImage(i.path) }
	}
	image, err := open()
	if err != nil {
		return fmt.Errorf("open the program for worker processes: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open[n] = image
	return nil
}

// Keep closes all images but those in use. A start that is under way holds its own.
func (i *images) Keep(used map[int]bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, image := range i.open {
		if !used[n] {
			image.Release()
			delete(i.open, n)
		}
	}
}

// get is image n, held for its user until Release; nil when processes are not used.
func (i *images) get(n int) *procbridge.Image {
	i.mu.Lock()
	defer i.mu.Unlock()
	if image := i.open[n]; image != nil {
		return image.Retain()
	}
	return nil
}
