package messages

import (
	"fmt"
	"strconv"
	"strings"
)

// Incarnation names one life of one worker: the generation of the server it belongs to,
// its slot (the seed's worker_id, from 0) and the how-many-th start of that slot it is.
//
// Slot -1 names the server of a generation itself.
type Incarnation struct {
	Generation int
	Slot       int
	Life       int
}

// ServerSlot is the slot number in an incarnation that names a server process.
const ServerSlot = -1

// ServerIncarnation names the server process of a generation.
func ServerIncarnation(generation int) Incarnation {
	return Incarnation{Generation: generation, Slot: ServerSlot}
}

// IsServer reports whether i names a server process and not a worker.
func (i Incarnation) IsServer() bool { return i.Slot == ServerSlot }

// String is "generation.slot.life" for a worker and "generation" for a server.
func (i Incarnation) String() string {
	if i.IsServer() {
		return strconv.Itoa(i.Generation)
	}
	return strconv.Itoa(i.Generation) + "." + strconv.Itoa(i.Slot) + "." + strconv.Itoa(i.Life)
}

// ParseIncarnation is the inverse of [Incarnation.String]. One incarnation has one name:
// "+1" and "01" are refused.
func ParseIncarnation(s string) (Incarnation, error) {
	parts := strings.Split(s, ".")
	if len(parts) != 1 && len(parts) != 3 {
		return Incarnation{}, fmt.Errorf("incarnation %q: want generation or generation.slot.life", s)
	}
	var n [3]int
	for k, p := range parts {
		v, err := strconv.Atoi(p)
		if err != nil || v < 0 || strconv.Itoa(v) != p {
			return Incarnation{}, fmt.Errorf("incarnation %q: part %d is not a number from 0", s, k+1)
		}
		n[k] = v
	}
	if len(parts) == 1 {
		return ServerIncarnation(n[0]), nil
	}
	return Incarnation{Generation: n[0], Slot: n[1], Life: n[2]}, nil
}

// MarshalText makes an incarnation one word in JSON and in logs.
func (i Incarnation) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (i *Incarnation) UnmarshalText(b []byte) error {
	v, err := ParseIncarnation(string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}
