//go:build !race

package serverengine_test

// raceEnabled says that everything takes a multiple of its time.
const raceEnabled = false
