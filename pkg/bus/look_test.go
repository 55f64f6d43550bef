package bus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
)

// TestALookTellsWhatThereIs of all instances, and how it stands.
func TestALookTellsWhatThereIs(t *testing.T) {
	t.Parallel()
	s, ctx := bustest.Start(t), bustest.Within(t, 30*time.Second)
	b, js := s.Connect(t, bus.Options{}), s.JetStream(t)
	needed := b.Needed(bustest.IDs[:]...)
	require.Len(t, needed, len(b.Needed())+2*3)
	none, err := b.Look(ctx)
	require.NoError(t, err)
	require.Equal(t, needed, none.Lacks(needed))

	pair := bustest.Pair(t, b)
	for n, i := range pair {
		for range n + 1 {
			bustest.Publish(t, i, "", "u", "user.added")
		}
	}
	look, err := b.Look(ctx)
	require.NoError(t, err)
	require.Empty(t, look.Lacks(needed))
	require.NoError(t, look.Newer(needed))
	require.WithinDuration(t, time.Now(), look.At, time.Minute)
	for n, i := range pair {
		seen := look.Streams[i.Events]
		require.Equal(t, []any{uint64(1), uint64(n + 2), uint64(n + 2), 0}, []any{seen.FirstSeq, seen.LastSeq, seen.Messages, seen.Consumers})
		require.WithinDuration(t, time.Now(), seen.Made, time.Minute)
		require.NoError(t, js.DeleteStream(ctx, i.Dead))
	}
	require.Equal(t, needed, b.Needed(bustest.IDs[:]...), "it is not what there is")
	look, err = b.Look(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{pair[0].Dead, pair[1].Dead}, look.Lacks(needed))
	b.Close()
	_, err = b.Look(ctx)
	bustest.Code(t, action.CodeUnavailable, err)
}

// TestEmptiedSince: all that was there is gone, whatever has come since.
func TestEmptiedSince(t *testing.T) {
	t.Parallel()
	was := bus.StreamLook{FirstSeq: 3, LastSeq: 9, Messages: 4}
	for name, c := range map[string]struct {
		earlier, now bus.StreamLook
		emptied      bool
	}{
		"nothing has happened": {was, was, false},
		"the oldest went":      {was, bus.StreamLook{FirstSeq: 9, LastSeq: 9, Messages: 1}, false},
		"all of it went":       {was, bus.StreamLook{FirstSeq: 10, LastSeq: 9}, true},
		"and more has come":    {was, bus.StreamLook{FirstSeq: 10, LastSeq: 12, Messages: 3}, true},
		"nothing was there":    {bus.StreamLook{FirstSeq: 10, LastSeq: 9}, bus.StreamLook{FirstSeq: 10, LastSeq: 12, Messages: 3}, false},
	} {
		require.Equal(t, c.emptied, c.now.EmptiedSince(c.earlier), name)
	}
	newer := errors.New("newer")
	look := bus.Look{Streams: map[string]bus.StreamLook{"a": {}, "b": {Newer: newer}}}
	require.NoError(t, look.Newer([]string{"a", "c"}))
	require.ErrorIs(t, look.Newer([]string{"a", "c", "b"}), newer)
}

// TestMissedIsToldOnce for any number of times.
func TestMissedIsToldOnce(t *testing.T) {
	t.Parallel()
	b, ctx := bustest.Start(t).Connect(t, bus.Options{}), bustest.Within(t, 30*time.Second)
	bustest.Pair(t, b)
	require.Empty(t, b.Missed())
	for name, ask := range map[string]func() error{
		"a stream":    func() error { _, err := b.State(ctx, b.Instance("nobody").Events); return err },
		"a bucket":    func() error { _, _, err := b.Bucket("nobodys").Get(ctx, "key"); return err },
		"readiness":   func() error { return b.Ready(ctx, "nobody") },
		"a message":   func() error { _, _, err := b.At(ctx, b.Instance("nobody").Dead, 1); return err },
		"who used it": func() error { return b.StreamFailure(ctx, b.Instance("nobody").Dead, nats.ErrNoResponders) },
	} {
		for range 3 {
			bustest.Code(t, action.CodeMissing, ask())
		}
		require.Len(t, b.Missed(), 1, name)
		<-b.Missed()
	}
}
