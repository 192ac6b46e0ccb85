// Package actors holds the actors that several processes of the tree share, and the minds
// in them.
//
//	signals   operating system signals become commands for its parent
//	proxy     one child process: a server process or a worker process
//	uplink    the mirror image of a proxy, in the child
//
// Rules that hold for every actor here: Receive never blocks, whatever blocks has a
// goroutine that only sends messages; an actor that has come to its end says so to its
// parent and waits for it to stop it, since a Stop of its own would overtake its last
// words; a panic stops the actor and its parent decides what follows.
package actors
