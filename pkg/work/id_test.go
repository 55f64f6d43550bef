package work

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	now := time.Now()
	seen := map[string]bool{}
	for range 1000 {
		id := newID(now)
		require.True(t, isID(id), id)
		require.NotContains(t, id, ".", "the boundary between id and body could move")
		require.False(t, seen[id])
		seen[id] = true
		require.Less(t, id, newID(now.Add(time.Millisecond)), "later ones sort behind")
	}
	for _, text := range []string{"", "nothing", "a.b", newID(now) + "0", newID(now)[1:], "01ARZ3NDEKTSV4RRFFQ69G5FA\n"} {
		require.False(t, isID(text), "%q", text)
	}
}
