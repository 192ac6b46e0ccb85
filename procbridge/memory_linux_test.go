package procbridge

import (
	"os"
	"testing"
)

func TestAnonymousMemorySeesWhatIsTaken(t *testing.T) {
	before, err := AnonymousMemory(os.Getpid())
	if err != nil || before <= 0 {
		t.Fatalf("%d, %v", before, err)
	}
	const size = 64 << 20
	b := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		b[i] = 1
	}
	after, err := AnonymousMemory(os.Getpid())
	if err != nil || after-before < size/2 {
		t.Fatalf("%d bytes were taken, %d bytes more are seen, %v (%d)", size, after-before, err, b[4096])
	}
	if _, err := AnonymousMemory(1 << 30); err == nil {
		t.Fatal("a process that can't be has memory")
	}
}
