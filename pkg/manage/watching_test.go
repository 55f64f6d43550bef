package manage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
)

// TestStreamsAreShared: neither a client nor an instance that has all it may takes
// the last place of another.
func TestStreamsAreShared(t *testing.T) {
	t.Parallel()
	fill := func(w *watching, address, instance string) (leave []func()) {
		for {
			one, err := w.enter(address, instance)
			if err != nil {
				require.Equal(t, action.CodeBusy, action.CodeOf(err))
				return leave
			}
			leave = append(leave, one)
		}
	}
	w := newWatching("events")
	held := fill(w, "127.0.0.1:1000", "north")
	require.Len(t, held, maxOfClient)
	require.Empty(t, fill(w, "127.0.0.1:1001", "south"), "another port is the same client")
	require.NotEmpty(t, fill(w, "127.0.0.2:1000", "north"), "another client")
	require.NotEmpty(t, fill(w, "127.0.0.3:1000", "south"), "and another instance")
	for _, leave := range held {
		leave()
	}
	require.Greater(t, len(fill(w, "127.0.0.4:1000", "south")), 64, "what was given back is there for all")
}
