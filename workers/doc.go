// Package workers holds what a user of the library implements and is given, and the actors
// that run it.
//
//	worker.go     Worker and its optional interfaces
//	self.go       Self: what a worker's code knows of itself and may ask for
//	life.go       one life of a worker's code, the same in every worker type
//	serve.go      Serve: an http.Server that loses no request when it stops
//	goroutine.go  the actor of an embedded or thread worker: a life in this process
//	process.go    the actor of a process worker: a proxy of a child process
//	child.go      the other end of it: a life in the child process, without actors
package workers
