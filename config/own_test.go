package config

import (
	"math/rand/v2"
	"testing"
)

// TestTakeOwnIsNoOtherReading compares the short way with the long one, which a blank in
// front forces, also for what Encode has not written like that.
func TestTakeOwnIsNoOtherReading(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 3000 {
		c := Default()
		if round%3 > 0 {
			c = randomConfig(r)
		}
		wire, err := Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		if round%2 > 0 {
			wire[r.IntN(len(wire))] = "0a\",:}{\\ "[r.IntN(9)]
		}
		short, shortErr := Decode(wire)
		long, longErr := Decode(append([]byte{' '}, wire...))
		if (shortErr == nil) != (longErr == nil) || shortErr == nil && !sameData(short, long) {
			t.Fatalf("%s\nthe short way: %v\nthe long way: %v\n%v", wire, shortErr, longErr, Diff(short, long))
		}
	}
}

func TestTakeOwnTakesAll(t *testing.T) {
	c := Default()
	c.Workers, c.WorkerType, c.Log, c.SocketReuseport = 7, Process, "/tmp/a.log", true
	wire, err := Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	d := Default()
	if rest := takeOwn(&d, wire); string(rest) != "{}" || !sameData(c, d) {
		t.Errorf("left %s, %v", rest, Diff(c, d))
	}
}
