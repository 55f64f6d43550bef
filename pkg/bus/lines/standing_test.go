package lines_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestStanding tells what waits, of one instance's line and not of the other's.
func TestStanding(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := line(t, i, "user.added", nil)
		standing, err := b.Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, []any{uint64(0), true, true}, []any{standing.Lag(), standing.Oldest.IsZero(), standing.LastAck.IsZero()})
		_, ok, err := b.Head(ctx, l)
		require.NoError(t, err)
		require.False(t, ok)
		bustest.Publish(t, i, "x", "u", "user.removed") // not the line's
		first := bustest.Publish(t, i, "a", "u", "user.added").StreamSequence
		second := bustest.Publish(t, i, "b", "u", "user.added").StreamSequence
		head, ok, err := b.Head(ctx, l)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []any{first, bustest.Body(i, "a")}, []any{head.Sequence, string(head.Body)})
		record := action.LineRecord{Sequence: first, Attempts: 2, State: action.LineRetrying, Format: action.Format}
		require.NoError(t, b.PutLineRecord(ctx, l, record))
		lag(t, i, l, 2) // which may be a moment behind
		standing, err = b.Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, []any{uint64(2), record, head.StoredAt}, []any{standing.Lag(), standing.Record, standing.Oldest})

		require.NoError(t, b.MoveTo(ctx, l, second))
		var seen bustest.Noted
		consume(t, i.Bus, acked(t, &seen), l)
		require.Equal(t, bustest.Bodies(i, "b"), seen.Await(t, 1))
		lag(t, i, l, 0)
		out, err := b.HandedOut(ctx, l)
		require.NoError(t, err)
		require.Equal(t, second, out)
		last, err := b.LastAck(ctx, l)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), last, time.Minute)
		_, ok, err = b.NextOf(ctx, l, second+1)
		require.NoError(t, err)
		require.False(t, ok)
	})
}

// TestLostConsumer is told as lost, and put back where it had come to.
func TestLostConsumer(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := line(t, i, "user.added", nil)
		for _, id := range []string{"a", "b", "c"} { // 2, 3, 4
			bustest.Publish(t, i, id, "u", "user.added")
		}
		put, err := b.PutBack(ctx, l)
		require.NoError(t, err)
		require.False(t, put, "it is there")
		require.NoError(t, b.KeepPosition(ctx, l, 3))
		require.NoError(t, s.JetStream(t).DeleteConsumer(ctx, i.Events, l.Name))
		_, err = b.Standing(ctx, l)
		require.True(t, lines.IsLost(err))
		require.True(t, lines.IsLost(b.Resume(ctx, l)))
		put, err = b.PutBack(ctx, l)
		require.NoError(t, err)
		require.True(t, put)
		var seen bustest.Noted
		consume(t, i.Bus, acked(t, &seen), l)
		require.Equal(t, bustest.Bodies(i, "c"), seen.Await(t, 1))
	})
}

// TestUnorderedLine shows how a delivery failed last, lets a wait be hurried
// and a delivery be given up.
func TestUnorderedLine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 60*time.Second), lines.Of(i)
		l := line(t, i, "*", func(l *lines.Line) { l.Unordered = true })
		for _, attempts := range []int{1, 2} {
			require.NoError(t, b.ShowFailure(ctx, l, action.LineRecord{Attempts: attempts, State: action.LineRunning}))
			standing, err := b.Standing(ctx, l)
			require.NoError(t, err)
			require.Equal(t, attempts, standing.Record.Attempts)
		}
		require.NoError(t, b.PutLineRecord(ctx, l, action.LineRecord{State: action.LineStopped}))
		require.NoError(t, b.ShowFailure(ctx, l, action.LineRecord{Attempts: 3, State: action.LineRunning}))
		standing, err := b.Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, action.LineStopped, standing.Record.State, "why it stands is not written over")

		var seen bustest.Noted
		waits := make(chan error, 10)
		consume(t, i.Bus, func(ctx context.Context, d *lines.Delivery) {
			if !d.Redelivered {
				waits <- d.Wait(time.Hour)
				return
			}
			acked(t, &seen)(ctx, d)
		}, l)
		first := bustest.Publish(t, i, "a", "u", "user.added").StreamSequence
		bustest.Publish(t, i, "b", "u", "user.added")
		require.NoError(t, <-waits)
		require.NoError(t, <-waits)
		require.NoError(t, b.Hurry(ctx, l, []uint64{first}))
		require.Equal(t, bustest.Bodies(i, "a"), seen.Await(t, 1))
		require.NoError(t, b.GiveUp(ctx, l, first+1, action.LineRecord{Sequence: first + 1, Attempts: 4}, action.CodeExhausted))
		records, err := b.Records(ctx, l)
		require.NoError(t, err)
		require.Equal(t, map[uint64]action.LineRecord{first + 1: {Sequence: first + 1, Attempts: 4, State: action.LineGivenUp, Reason: action.CodeExhausted, Format: action.Format}}, records)
		require.NoError(t, b.Hurry(ctx, l, []uint64{first + 1}))
		require.Equal(t, bustest.Bodies(i, "a", "b"), seen.Await(t, 2))
		require.NoError(t, b.ForgetRecord(ctx, l, first+1))
		records, err = b.Records(ctx, l)
		require.NoError(t, err)
		require.Empty(t, records)
	})
}

// TestAsyncDeliveries are read as they were stored, and taken out.
func TestAsyncDeliveries(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := lines.Line{Name: "line", Instance: i.ID, Owner: "acme", Target: "hook", Lanes: 1, Async: true, Unordered: true}
		require.NoError(t, b.Ensure(ctx, l))
		for n, target := range []string{"other", "hook", "hook"} {
			require.NoError(t, i.StoreAsync(ctx, bus.AsyncDelivery{ID: fmt.Sprint("dlv_", n), Owner: "acme", Target: target, Phase: action.Request, Body: []byte(bustest.Body(i, "x"))}))
		}
		batch, err := b.Batch(ctx, l, 1, 1)
		require.NoError(t, err)
		require.Len(t, batch, 1)
		require.Equal(t, bus.AsyncDelivery{ID: "dlv_1", Owner: "acme", Target: "hook", Phase: action.Request, Body: []byte(bustest.Body(i, "x"))}, l.AsyncOf(batch[0]))
		require.NoError(t, b.PurgeAsync(ctx, l, batch[0].Sequence))
		require.NoError(t, b.PurgeAsync(ctx, l, batch[0].Sequence), "what is gone is gone")
		var seen bustest.Noted
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) { seen.Add(d.AsyncID + " " + d.Phase); _ = d.Ack() }, l)
		require.Equal(t, []string{"dlv_2 request"}, seen.Await(t, 1))
	})
}

// TestStrays lie where no line sees them.
func TestStrays(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		bustest.Publish(t, i, "a", "u", "user.added")
		_, ok, err := b.NextStray(ctx)
		require.NoError(t, err)
		require.False(t, ok)
		_, err = s.JetStream(t).PublishMsg(ctx, &nats.Msg{Subject: "callout.event." + i.Token + ".acme.*.user.added", Data: []byte(i.ID)})
		require.NoError(t, err)
		m, ok, err := b.NextStray(ctx)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, i.ID, string(m.Body))
		require.NoError(t, b.DropStray(ctx, m))
		require.NoError(t, b.DropStray(ctx, m))
		_, ok, err = b.NextStray(ctx)
		require.NoError(t, err)
		require.False(t, ok)
	})
}

// TestTrim removes what is old and not kept, and no marker.
func TestTrim(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		for n := range 4 { // 2 to 5
			bustest.Publish(t, i, fmt.Sprint(n), "u", "user.added")
		}
		left := func() []uint64 {
			info, err := i.State(ctx, i.Events)
			require.NoError(t, err)
			oldest, err := i.SequenceAt(ctx, time.Unix(0, 0))
			require.NoError(t, err)
			return []uint64{info.State.Msgs, oldest}
		}
		fill, err := b.Fill(ctx)
		require.NoError(t, err)
		require.Greater(t, fill, 0.0)
		for _, nothing := range []uint64{0, 1, 2} {
			require.NoError(t, b.Trim(ctx, nothing))
			require.Equal(t, []uint64{5, 2}, left())
		}
		require.NoError(t, b.Trim(ctx, 4))
		require.Equal(t, []uint64{3, 4}, left())
		require.NoError(t, b.Trim(ctx, 6))
		require.Equal(t, []uint64{1, 6}, left(), "the marker stays")
	})
}
