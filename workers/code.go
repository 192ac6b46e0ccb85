package workers

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

// Command is what a spawn worker runs. What it prints becomes lines of the log; it gets the
// worker's number as SERVERENGINE_WORKER_ID and the socket manager's address and token as
// SERVERENGINE_SOCKETMANAGER_PATH and SERVERENGINE_SOCKETMANAGER_TOKEN. With socket_reuseport a
// request there has to name the worker's number as its slot; sockets.Dial does it by itself.
type Command struct {
	Path string   // of the program; one without a slash is looked up in PATH
	Args []string // without the program's name
	Env  []string // added to this process's environment
	Dir  string   // working directory; empty = this process's

	// User and Group, by name or number, are who it runs as. Empty = as worker_chuser and
	// worker_chgroup say.
	User, Group string

	// Listen are addresses, as in the listen key, whose sockets it gets as descriptors 3, 4
	// and so on, announced by LISTEN_FDS (systemd) and EINHORN_FD_COUNT (einhorn).
	Listen []string

	// Wire says that the program speaks the wire of package procbridge itself: then it is a
	// worker like any other, with heartbeat, Ready, configuration and messages. Without it
	// the command runs under a keeper, a worker process of this program.
	Wire bool
}
