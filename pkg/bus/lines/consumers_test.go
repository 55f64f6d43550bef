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

// TestLinesWithoutAConsumer are found, each in its own stream, but for those that
// are being removed.
func TestLinesWithoutAConsumer(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, js, b := bustest.Within(t, 30*time.Second), s.JetStream(t), lines.Of(i)
		event := line(t, i, "user.added", func(l *lines.Line) { l.Name = "event" })
		async := line(t, i, "", func(l *lines.Line) { l.Name, l.Async, l.Unordered, l.Cut = "async", true, true, 0 })
		drained := line(t, i, "user.added", func(l *lines.Line) { l.Name, l.Drained = "drained", true })
		all := []lines.Line{event, async, drained}
		lost, err := b.WithoutConsumer(ctx, all)
		require.NoError(t, err)
		require.Empty(t, lost)
		namesake := event // in the other stream there is one of its name
		namesake.Name = "async"
		require.NoError(t, js.DeleteConsumer(ctx, i.Events, event.Name))
		require.NoError(t, js.DeleteConsumer(ctx, i.Events, drained.Name))
		lost, err = b.WithoutConsumer(ctx, append(all, namesake))
		require.NoError(t, err)
		require.Equal(t, []lines.Line{event, namesake}, lost)
		require.NoError(t, js.DeleteStream(ctx, i.Async))
		_, err = b.WithoutConsumer(ctx, all)
		bustest.Code(t, action.CodeMissing, err)
	})
}

// TestOlderThan: a line of a stream that had the name before.
func TestOlderThan(t *testing.T) {
	t.Parallel()
	made := time.Unix(7, 8)
	for name, c := range map[string]struct {
		line  lines.Line
		made  time.Time
		older bool
	}{
		"of it":                   {lines.Line{MadeAt: made.UnixNano()}, made, false},
		"of one before":           {lines.Line{MadeAt: made.UnixNano() - 1}, made, true},
		"nobody knows of which":   {lines.Line{}, made, false},
		"nobody knows when":       {lines.Line{MadeAt: made.UnixNano() - 1}, time.Time{}, false},
		"async, of other streams": {lines.Line{MadeAt: made.UnixNano() - 1, Async: true}, made, false},
	} {
		require.Equal(t, c.older, c.line.OlderThan(c.made), name)
	}
	for key, pause := range map[string]bool{
		"default.paused.acme.hook": true, "default.resumed.acme.hook": true, "default.line.paused": false, "default.record.line": false,
		"paused": false, "default.paused": false, "": false,
	} {
		require.Equal(t, pause, lines.IsPause(key), key)
	}
}

// TestALineGoesOnBehindALostEvent, and behind none that is there.
func TestALineGoesOnBehindALostEvent(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, time.Minute), lines.Of(i)
		for name, c := range map[string]struct {
			record    action.LineRecord
			unordered bool
			passed    bool
		}{
			"retries a lost one":    {action.LineRecord{Sequence: 4, State: action.LineRetrying, LastCode: "x"}, false, true},
			"stopped at a lost one": {action.LineRecord{Sequence: 4, State: action.LineStopped, LastCode: "x"}, false, true},
			"retries one that is":   {action.LineRecord{Sequence: 5, State: action.LineRetrying}, false, false},
			"paused by somebody":    {action.LineRecord{Sequence: 4, State: action.LinePaused}, false, false},
			"runs":                  {action.LineRecord{Sequence: 4, State: action.LineRunning}, false, false},
			"of no event":           {action.LineRecord{State: action.LineStopped}, false, false},
			"keeps no order":        {action.LineRecord{Sequence: 4, State: action.LineRetrying}, true, false},
		} {
			l := line(t, i, "user.added", func(l *lines.Line) { l.Unordered = c.unordered })
			c.record.Format = action.Format
			require.NoError(t, b.PutLineRecord(ctx, l, c.record))
			require.NoError(t, b.Stop(ctx, l))
			passed, err := b.PassLost(ctx, l, 5)
			require.NoError(t, err)
			require.Equal(t, c.passed, passed, name)
			after, err := b.LineRecord(ctx, l)
			require.NoError(t, err)
			if !c.passed {
				require.Equal(t, c.record, after, name)
			} else {
				require.False(t, after.Holds(), name)
				require.Equal(t, action.Code("x"), after.LastCode, "how it failed last stays")
			}
			standing, err := b.Standing(ctx, l)
			require.NoError(t, err)
			resumed := c.passed && c.record.State == action.LineStopped
			require.Equal(t, !resumed, standing.Paused, "%s: who stands for another reason stands", name)
			require.NoError(t, b.Remove(ctx, l))
		}
	})
}

// TestSweepOfLines removes what is kept of lines that are no more, once it is old
// enough, and nothing of the other instance's.
func TestSweepOfLines(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, time.Minute)
	keys := func(i bus.Instance) (all []string) {
		kept, err := i.Bucket(bus.BucketLines).Keys(ctx, i.Token+".>")
		require.NoError(t, err)
		for _, v := range kept {
			all = append(all, v.Key[len(i.Token)+1:])
		}
		return all
	}
	var stays lines.Line
	for _, i := range pair {
		b := lines.Of(i)
		stays = line(t, i, "user.added", func(l *lines.Line) { l.Name = "stays" })
		for _, l := range []lines.Line{stays, {Name: "gone", Instance: i.ID}, {Name: "gone_too", Instance: i.ID, Unordered: true}} {
			require.NoError(t, b.PutLineRecord(ctx, l, action.LineRecord{Sequence: 1}))
			require.NoError(t, b.PutRecord(ctx, lines.Redelivered(l, 7), action.LineRecord{Sequence: 7}))
			require.NoError(t, b.KeepPosition(ctx, l, 1))
		}
		require.NoError(t, i.PauseTarget(ctx, "acme", "gone", ""))
	}
	before := keys(pair[1])
	require.Len(t, before, 1+3*2+1+1)
	first := lines.Of(pair[0])
	removed, err := first.Sweep(ctx, []lines.Line{stays}, time.Hour)
	require.NoError(t, err)
	require.Zero(t, removed, "all is young")
	removed, err = first.Sweep(ctx, []lines.Line{stays}, 0)
	require.NoError(t, err)
	require.Equal(t, 5, removed)
	require.ElementsMatch(t, []string{"line.stays", "record.stays", "position.stays", "paused.acme.gone"}, keys(pair[0]))
	require.ElementsMatch(t, before, keys(pair[1]))
}

// TestALineWithoutAnOrderGoesWithItsRecords, all of them, and no other's.
func TestALineWithoutAnOrderGoesWithItsRecords(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := line(t, i, "user.added", func(l *lines.Line) { l.Unordered = true })
		other := line(t, i, "user.added", func(l *lines.Line) { l.Name, l.Unordered = "line2", true })
		for _, of := range []lines.Line{l, other} {
			for sequence := range uint64(3) {
				require.NoError(t, b.PutRecord(ctx, lines.Redelivered(of, sequence+1), action.LineRecord{Sequence: sequence + 1}))
			}
		}
		counts := func(forget func(context.Context, lines.Line) error, of lines.Line) int {
			require.NoError(t, forget(ctx, of))
			records, err := b.Records(ctx, l)
			require.NoError(t, err)
			return len(records)
		}
		ordered := l
		ordered.Unordered = false
		require.Equal(t, 3, counts(b.ForgetRecords, ordered), "it has but one")
		require.Zero(t, counts(b.ForgetRecords, l))
		require.NoError(t, b.PutRecord(ctx, lines.Redelivered(l, 9), action.LineRecord{Sequence: 9}))
		require.Zero(t, counts(b.Remove, l))
		others, err := b.Records(ctx, other)
		require.NoError(t, err)
		require.Len(t, others, 3)
	})
}
