package logging

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The first loss is told at once, further ones in sums, and none is forgotten.
func TestLossesAreToldInSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		began := time.Now()
		l := NewLosses(func(n uint64, why string) {
			told = append(told, fmt.Sprintf("%s %d %s", time.Since(began), n, why))
		})
		l.Add(1, "full")
		for range 99 {
			l.Add(1, "full")
		}
		time.Sleep(3 * LossInterval) // nothing more is lost
		synctest.Wait()
		l.Add(2, "large")
		l.Add(3, "full")
		l.Flush()
		l.Flush()
		time.Sleep(3 * LossInterval)
		synctest.Wait()
		if want := []string{"0s 1 full", "10s 99 full", "30s 2 large", "30s 3 full"}; !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}
