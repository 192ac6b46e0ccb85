package supervisor

import (
	"github.com/asynkron/protoactor-go/actor"
)

// Images opens and keeps the program files that children run, by a number of their owner's.
type Images interface {
	// Open opens a program as number n: 0 is the one that runs now, any other what is at
	// the program's path by then. It may block; it is called in a goroutine.
	Open(n int) error
	// Keep closes all numbers that are not in use.
	Keep(used map[int]bool)
}

// imageDesk numbers the images of one actor, and protects those that are being opened.
type imageDesk struct {
	images  Images
	next    int
	opening map[int]bool
}

// imageOpened tells the actor that asked for an image that it is there, or why not.
type imageOpened struct {
	n    int
	err  error
	then any
}

// open opens the next image in a goroutine, after before, which may be nil.
func (d *imageDesk) open(ctx actor.Context, before func(), then any) {
	n := d.next
	d.next++
	if d.opening == nil {
		d.opening = map[int]bool{}
	}
	d.opening[n] = true
	root, self, images := ctx.ActorSystem().Root, ctx.Self(), d.images
	go func() {
		if before != nil {
			before()
		}
		root.Send(self, imageOpened{n: n, err: images.Open(n), then: then})
	}()
}

// opened ends the protection of an image: whoever asked for it decides now.
func (d *imageDesk) opened(m imageOpened) { delete(d.opening, m.n) }

func (d *imageDesk) keep(used map[int]bool) {
	for n := range d.opening {
		used[n] = true
	}
	d.images.Keep(used)
}
