package callout

import (
	"context"
	"strconv"
	"testing"
	"time"
)

// TestMemoryForgets what is too old and what is too much.
func TestMemoryForgets(t *testing.T) {
	now := time.Unix(0, 0)
	m := NewMemory(3, time.Minute)
	m.now = func() time.Time { return now }
	seen := func(want ...int) {
		t.Helper()
		var got []int
		for n := range 6 {
			if there, _ := m.Seen(context.Background(), strconv.Itoa(n)); there {
				got = append(got, n)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seen %v, want %v", got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("seen %v, want %v", got, want)
			}
		}
	}
	for n := range 5 {
		if err := m.Done(context.Background(), strconv.Itoa(n)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(10 * time.Second)
	}
	seen(2, 3, 4)
	if err := m.Done(context.Background(), "2"); err != nil { // again: it is the youngest now
		t.Fatal(err)
	}
	now = now.Add(45 * time.Second)
	seen(2, 4)
	now = now.Add(15 * time.Second)
	seen()
	if len(m.byID) != 0 || m.order.Len() != 0 {
		t.Fatalf("%d are kept", len(m.byID))
	}
}
