package messages

import (
	"encoding/json"
	"testing"
)

// FuzzIncarnation: what is read as an incarnation is exactly how that is written, so that
// two processes that compare the texts and two that compare the numbers agree.
func FuzzIncarnation(f *testing.F) {
	for _, s := range []string{"1.0.2", "7", "0", "0.0.0", "1.2", "1.-1.2", "+1.0.1", "01", "1.0.1 ", "-1", "", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseIncarnation(s)
		if err != nil {
			if i != (Incarnation{}) {
				t.Fatalf("%q: an error and %+v", s, i)
			}
			return
		}
		if i.String() != s || i.Generation < 0 || i.Life < 0 || i.Slot < ServerSlot {
			t.Fatalf("%q was read as %+v, which is written %q", s, i, i)
		}
		b, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		var back Incarnation
		if err := json.Unmarshal(b, &back); err != nil || back != i {
			t.Fatalf("%s came back as %+v, %v", b, back, err)
		}
	})
}
