package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// A worker may write a record a moment after its line has lost or gained its
// order.
func TestRecordOfALineThatWasAnother(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	for _, unordered := range []bool{false, true} {
		was := bus.Line{Name: "line", Instance: instance, Target: "hook", Unordered: unordered}
		now := was
		now.Unordered = !unordered
		record := action.LineRecord{Sequence: 7, Attempts: 3, State: action.LineRetrying}
		require.NoError(t, b.PutRecord(ctx, bus.Redelivered(was, 7), record))
		r, ok, err := b.Record(ctx, bus.Redelivered(now, 7))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 3, r.Attempts)
		r, _, err = b.Record(ctx, bus.Redelivered(now, 8))
		require.NoError(t, err)
		require.NotEqual(t, uint64(8), r.Sequence, "another delivery has no record")
		require.NoError(t, b.PutRecord(ctx, bus.Redelivered(was, 7), record.Running()))
		_, ok, err = b.Record(ctx, bus.Redelivered(now, 7))
		require.NoError(t, err)
		require.False(t, ok, "one that has ended holds nothing")
		require.NoError(t, b.DropRecord(ctx, bus.Redelivered(was, 7)))
	}
}
