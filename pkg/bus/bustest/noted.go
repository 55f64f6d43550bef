package bustest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Noted is what happened, in its order. It may be used from any goroutine.
type Noted struct {
	mu   sync.Mutex
	list []string
}

// Add notes one more.
func (n *Noted) Add(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, what)
}

// Get gives what is noted so far.
func (n *Noted) Get() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// Await waits until so much is noted.
func (n *Noted) Await(t testing.TB, count int) []string {
	t.Helper()
	require.Eventually(t, func() bool { return len(n.Get()) >= count }, time.Minute, time.Millisecond, "%v", n)
	return n.Get()
}
