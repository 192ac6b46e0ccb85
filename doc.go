// Package serverengine keeps a Go service running: a server process keeps N workers, in
// this process or in processes of their own, restarts what ends, replaces them without
// losing a request, reloads the configuration, shares listening sockets and writes one
// log. It is the Go version of the Ruby framework ServerEngine, built of actors.
//
//	process          actors in it                            file
//	the top          engine ─┬─ signals                      engine.go, actors/signals.go
//	                         └─ server ─┬─ worker 0          supervisor/server.go
//	                                    ├─ worker 1          workers/goroutine.go, or
//	                                    └─ …                 actors/proxy.go
//	worker process   none: goroutines over package procbridge   workers/child.go
//
// Three things hold. A slot has one wanted worker, and beside it at most its replacement
// and old ones that drain. A listening socket lives as long as the top process. The log
// has one writer, in the top process.
//
// Go has no fork: a worker process is the same program, started again. Its main runs up to
// Run or Init, which never returns there.
package serverengine
