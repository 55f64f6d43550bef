package bus_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

func TestDeadLettersHavePlaces(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	last, err := b.LastPlace(ctx, instance)
	require.NoError(t, err)
	require.Zero(t, last)
	for _, id := range []string{"a", "b", "c"} {
		require.NoError(t, b.StoreDead(ctx, action.DeadLetter{DeliveryID: id, Instance: instance, Body: []byte(id)}, 0))
	}
	require.NoError(t, b.Discard(ctx, instance, "b"))
	require.NoError(t, b.StoreDead(ctx, action.DeadLetter{DeliveryID: "b", Instance: instance, Body: []byte("again")}, 0))

	read := func(from uint64, most int) (ids []string, places []uint64) {
		require.NoError(t, b.DeadLettersFrom(ctx, instance, from, func(l bus.StoredLetter) bool {
			ids, places = append(ids, l.DeliveryID), append(places, l.Place)
			return len(ids) < most
		}))
		return ids, places
	}
	ids, places := read(0, 10)
	require.Equal(t, []string{"a", "c", "b"}, ids)
	require.Equal(t, []uint64{1, 3, 4}, places)
	ids, _ = read(2, 1)
	require.Equal(t, []string{"c"}, ids)
	ids, _ = read(5, 10)
	require.Empty(t, ids)
	last, err = b.LastPlace(ctx, instance)
	require.NoError(t, err)
	require.EqualValues(t, 4, last)

	one, err := b.StoredDeadLetter(ctx, instance, "b")
	require.NoError(t, err)
	require.Equal(t, []any{uint64(4), "again"}, []any{one.Place, string(one.Body)})
	_, err = b.StoredDeadLetter(ctx, instance, "d")
	code(t, action.CodeNotFound, err)
}
