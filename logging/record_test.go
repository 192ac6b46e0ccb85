package logging

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestFirstRecord(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{"", 0}, {"a", 0}, {"a\n", 2}, {"a\nb\n", 2}, {"a\n\tb\n", 5}, {"a\n\tb\nc", 5}, {"a\n\tb", 0}, {"\n\n", 1}, {"\ta\nb\n", 3},
	} {
		if got := firstRecord([]byte(c.in)); got != c.want {
			t.Errorf("firstRecord(%q) = %d, want %d", c.in, got, c.want)
		}
	}
}

// For any text, wholeRecords is the longest sum of first records that fits, and
// countRecords their number.
func TestRecordsProperty(t *testing.T) {
	letters := []string{"a", "\n", "\t", "\n\t", "bb"}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		var sb strings.Builder
		for range rnd.IntN(12) {
			sb.WriteString(letters[rnd.IntN(len(letters))])
		}
		b, limit := []byte(sb.String()), rnd.IntN(14)
		want, count, n := 0, uint64(0), 0
		for n < len(b) {
			l := firstRecord(b[n:])
			count++
			if l == 0 {
				break
			}
			n += l
			if n <= limit {
				want = n
			}
		}
		if got := wholeRecords(b, limit); got != want {
			t.Fatalf("wholeRecords(%q, %d) = %d, want %d", b, limit, got, want)
		}
		if got := countRecords(b); got != count {
			t.Fatalf("countRecords(%q) = %d, want %d", b, got, count)
		}
	}
}
