package lines_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// A worker may write a record a moment after its line has lost or gained its
// order.
func TestRecordOfALineThatWasAnother(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 20*time.Second), lines.Of(i)
		for _, unordered := range []bool{false, true} {
			was := lines.Line{Name: "line", Instance: i.ID, Target: "hook", Unordered: unordered}
			now := was
			now.Unordered = !unordered
			record := action.LineRecord{Sequence: 7, Attempts: 3, State: action.LineRetrying}
			require.NoError(t, b.PutRecord(ctx, lines.Redelivered(was, 7), record))
			r, ok, err := b.Record(ctx, lines.Redelivered(now, 7))
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, 3, r.Attempts)
			r, _, err = b.Record(ctx, lines.Redelivered(now, 8))
			require.NoError(t, err)
			require.NotEqual(t, uint64(8), r.Sequence, "another delivery has no record")
			require.NoError(t, b.PutRecord(ctx, lines.Redelivered(was, 7), record.Running()))
			_, ok, err = b.Record(ctx, lines.Redelivered(now, 7))
			require.NoError(t, err)
			require.False(t, ok, "one that has ended holds nothing")
			require.NoError(t, b.DropRecord(ctx, lines.Redelivered(was, 7)))
		}
	})
}

// TestRecordsAreOneALineOrOneADelivery, and never that of the other instance's
// line of the same name.
func TestRecordsAreOneALineOrOneADelivery(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		for _, unordered := range []bool{false, true} {
			l := line(t, i, "user.added", func(l *lines.Line) {
				if l.Unordered = unordered; unordered {
					l.Name = "unordered"
				}
			})
			if !unordered {
				bustest.Publish(t, i, "a", "u", "user.added")
				bustest.Publish(t, i, "b", "u", "user.added")
			}
			type met struct {
				key    string
				before bool
				after  action.LineRecord
				err    error
			}
			seen := make(chan met, 2)
			c := consume(t, i.Bus, func(_ context.Context, d *lines.Delivery) {
				m := met{key: d.RecordKey()}
				_, m.before, m.err = b.Record(ctx, d)
				m.err = errors.Join(m.err, b.PutRecord(ctx, d, action.LineRecord{Sequence: d.Sequence, Attempts: 3, LastCode: action.Code(i.ID), State: action.LineRetrying}))
				r, _, err := b.Record(ctx, d)
				m.after, m.err = r, errors.Join(m.err, err, d.Ack())
				seen <- m
			}, l)
			first, second := <-seen, <-seen
			c.Stop()
			require.NoError(t, errors.Join(first.err, second.err))
			require.False(t, first.before)
			require.Equal(t, !unordered, second.before)
			require.Equal(t, unordered, first.key != second.key)
			require.Equal(t, action.Code(i.ID), first.after.LastCode)
			require.Equal(t, action.Code(i.ID), second.after.LastCode)
		}
	})
}

// TestRecordsThatCannotBeRead are none, but for those of a newer version.
func TestRecordsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 20*time.Second), lines.Of(i)
		l := lines.Line{Name: "line", Instance: i.ID, Target: "hook"}
		for value, want := range map[string]action.Code{"record": "", "": "", "null": "", "{\"state\":\"\xff\"}": "", fmt.Sprintf(`{"format":%d}`, action.Format+1): action.CodeNewer} {
			_, err := s.Bucket(t, bus.BucketLines).Put(ctx, l.RecordKey(), []byte(value))
			require.NoError(t, err)
			_, ok, err := b.Record(ctx, lines.Redelivered(l, 7))
			bustest.Code(t, want, err)
			require.False(t, ok)
			bustest.Code(t, want, b.LetGo(ctx, l))
		}
	})
}

// TestLetGo forgets what holds a line up, and keeps how it failed last.
func TestLetGo(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 20*time.Second), lines.Of(i)
		l := lines.Line{Name: "line", Instance: i.ID, Target: "hook"}
		require.NoError(t, b.LetGo(ctx, l), "there is nothing")
		require.NoError(t, b.PutLineRecord(ctx, l, action.LineRecord{Sequence: 7, Attempts: 3, State: action.LineRetrying, LastCode: action.Code(i.ID)}))
		require.NoError(t, b.LetGo(ctx, l))
		r, ok, err := b.Record(ctx, lines.Redelivered(l, 7))
		require.NoError(t, err)
		require.True(t, ok)
		require.False(t, r.Holds())
		require.Equal(t, action.Code(i.ID), r.LastCode)
		require.NoError(t, b.DropRecord(ctx, lines.Redelivered(l, 7)))
		_, ok, err = b.Record(ctx, lines.Redelivered(l, 7))
		require.NoError(t, err)
		require.False(t, ok)
	})
}
