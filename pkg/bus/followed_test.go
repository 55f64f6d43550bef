package bus_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestFollowedFile is known to all dispatchers until it is not followed any
// more, and to be of its instance.
func TestFollowedFile(t *testing.T) {
	t.Parallel()
	pair := bustest.Pair(t, bustest.Start(t).Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 2*time.Minute)
	followed := func(i bus.Instance) bool {
		is, err := i.Followed(ctx)
		require.NoError(t, err)
		return is
	}
	following, stop := context.WithCancel(t.Context())
	keep, err := pair[0].KeepFollowed(following, "a.yaml")
	require.NoError(t, err)
	require.Equal(t, []bool{true, false}, []bool{followed(pair[0]), followed(pair[1])})
	ended := make(chan struct{})
	go func() { keep(); close(ended) }()
	_, err = pair[1].KeepFollowed(t.Context(), "a.yaml") // and its process dies
	require.NoError(t, err)
	require.Eventually(t, func() bool { return !followed(pair[1]) }, time.Minute, 10*time.Millisecond, "it lapses")
	require.True(t, followed(pair[0]), "what is said again and again does not")
	stop()
	<-ended
	require.False(t, followed(pair[0]))
}
