// Package supervisor holds the actors that keep others alive, and their minds.
//
//	server      keeps the workers: its mind is the fleet
//	fleet       slots, lives, due times (fleet.go, lives.go, agenda.go)
//	rolling     restarts of all and one after another (rolling.go)
//	stopping    the way to the end (stopping.go)
//	policy      restart policy of a slot (policy.go)
//
// Three invariants: a slot has one wanted incarnation; every event names its incarnation
// and news of the dead changes nothing; after a stop nothing is started.
package supervisor
