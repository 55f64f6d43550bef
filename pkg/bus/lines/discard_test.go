package lines_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestATakenLineStands for its job until it is given back, though its consumer was
// deleted.
func TestATakenLineStands(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, time.Minute), s.JetStream(t), lines.Of(i)
		l := line(t, i, "user.added", nil)
		var seen bustest.Noted
		consume(t, i.Bus, acked(t, &seen), l)
		for n, lose := range []bool{false, true} {
			if lose {
				require.NoError(t, js.DeleteConsumer(ctx, i.Events, l.Name))
			}
			for range 2 { // twice is as good as once
				taken, err := b.Take(ctx, l, "job")
				require.NoError(t, err)
				require.Equal(t, "job", taken.Job)
				l = taken
			}
			now, ok, err := b.Now(ctx, l.Name)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "job", now.Job)
			bustest.Publish(t, i, []string{"a", "b"}[n], "u", "user.added")
			standing, err := b.Standing(ctx, l)
			require.NoError(t, err)
			require.True(t, standing.Paused)
			require.Empty(t, righted(t, i, l), "and is to stand")

			require.NoError(t, b.PutLineRecord(ctx, l, action.LineRecord{Sequence: 1, State: action.LineRetrying, LastCode: "x"}))
			require.NoError(t, b.GiveBack(ctx, l))
			l.Job = ""
			require.Equal(t, bustest.Bodies(i, "a", "b")[:n+1], seen.Await(t, n+1))
			r, err := b.LineRecord(ctx, l)
			require.NoError(t, err)
			require.Equal(t, []any{action.LineRunning, action.Code("x")}, []any{r.State, r.LastCode})
			now, _, err = b.Now(ctx, l.Name)
			require.NoError(t, err)
			require.Empty(t, now.Job)
			lag(t, i, l, 0)
			require.NoError(t, b.KeepPosition(ctx, l, uint64(n+2)))
		}
	})
}

// TestALineThatIsGivenBackIsGivenUp still, where the workers are to see it; and one
// without a consumer is put back by others.
func TestALineThatIsGivenBackIsGivenUp(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l, err := b.Take(ctx, line(t, i, "user.added", nil), "job")
		require.NoError(t, err)
		record := action.LineRecord{Sequence: 7, State: action.LineGivenUp, Reason: action.CodeExhausted, Format: action.Format}
		require.NoError(t, b.PutLineRecord(ctx, l, record))
		require.NoError(t, s.JetStream(t).DeleteConsumer(ctx, i.Events, l.Name))
		require.NoError(t, b.GiveBack(ctx, l))
		r, err := b.LineRecord(ctx, l)
		require.NoError(t, err)
		require.Equal(t, record, r)
		now, _, err := b.Now(ctx, l.Name)
		require.NoError(t, err)
		require.Empty(t, now.Job)
	})
}

// TestWaitingDeliveriesAreEnded by who is not their worker, with their records, and
// no other.
func TestWaitingDeliveriesAreEnded(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, time.Minute), lines.Of(i)
		l := line(t, i, "*", func(l *lines.Line) { l.Unordered = true })
		waits := make(chan error, 10)
		consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
			if err := b.PutRecord(ctx, d, action.LineRecord{Sequence: d.Sequence, State: action.LineRetrying, NextTry: time.Now().Add(time.Hour)}); err != nil {
				waits <- err
				return
			}
			waits <- d.Wait(time.Hour)
		}, l)
		var sequences []uint64
		for _, id := range []string{"a", "b", "c"} {
			sequences = append(sequences, bustest.Publish(t, i, id, "u", "user.added").StreamSequence)
		}
		for range sequences {
			require.NoError(t, <-waits)
		}
		held := func() int {
			standing, err := b.Standing(ctx, l)
			require.NoError(t, err)
			inHands, err := b.InHands(ctx, l, standing)
			require.NoError(t, err)
			require.Zero(t, inHands, "all wait for their next try")
			return standing.InWork
		}
		require.Equal(t, 3, held())
		require.NoError(t, b.AckWaiting(ctx, l, sequences[:2]))
		require.Equal(t, 1, held())
		records, err := b.Records(ctx, l)
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.Contains(t, records, sequences[2])
		require.True(t, lines.IsLost(b.AckWaiting(ctx, lines.Line{Name: "gone", Instance: i.ID}, sequences)))
	})
}
