package workers

import "github.com/serverengine/serverengine-go/procbridge"

// Code is the user's side of the workers: the part of an App that this package needs.
type Code struct {
	Name      string // of the App
	New       New
	Readiness Readiness

	// BeforeStart is called in the server's process before each start (the seed's
	// before_fork). An error or a panic fails that start.
	BeforeStart func(Slot) error
	// AfterStart is called in the server's process once the worker exists; pid is 0 for a
	// goroutine. A panic is logged.
	AfterStart func(Slot, int)
	// Spawn says which command a spawn worker is.
	Spawn func(Slot) (Command, error)
}

// Command is what a spawn worker runs.
type Command struct {
	Path string
	Args []string // without the program's name
	Env  []string // added to the environment
	Dir  string
	User *procbridge.User
	Wire bool // it speaks the wire of package procbridge itself
}
