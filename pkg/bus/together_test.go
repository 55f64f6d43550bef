package bus_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
)

func TestManyTogether(t *testing.T) {
	t.Parallel()
	var running, most, done atomic.Int64
	err := bus.Together(200, func(n int) error {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		done.Add(1)
		if n%50 == 49 {
			return fmt.Errorf("the one at %d", n)
		}
		return nil
	})
	require.EqualError(t, err, "the one at 49", "the first by number, not by time")
	require.EqualValues(t, 200, done.Load(), "the others are done all the same")
	require.LessOrEqual(t, most.Load(), int64(16))
	require.Zero(t, running.Load())
	require.NoError(t, bus.Together(0, nil))
}
