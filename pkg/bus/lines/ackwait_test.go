package lines_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestAnAckWaitStandsTwice, with the consumer and in the entry, and each is set for
// itself.
func TestAnAckWaitStandsTwice(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{AckWait: 7 * time.Second}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		l := line(t, i, "user.added", func(l *lines.Line) { l.Fenced = true })
		stands := func(entry, consumer time.Duration) lines.Line {
			t.Helper()
			now, _, err := b.Now(ctx, l.Name)
			require.NoError(t, err)
			cfg := settings(t, s, i.Events, l.Name)
			require.Equal(t, []time.Duration{entry, consumer}, []time.Duration{now.AckWait, cfg.AckWait})
			require.NotNil(t, cfg.PauseUntil, "it stands as before")
			return now
		}
		now := stands(7*time.Second, 7*time.Second)
		require.NoError(t, b.TellAckWait(ctx, now, 3*time.Second))
		now = stands(3*time.Second, 7*time.Second)
		require.NoError(t, b.SetAckWait(ctx, now, 3*time.Second))
		require.Equal(t, 3*time.Second, stands(3*time.Second, 3*time.Second).AckWait)
		require.True(t, lines.IsLost(b.SetAckWait(ctx, lines.Line{Name: "gone", Instance: i.ID}, time.Second)))
	})
}

// TestInHands: a delivery that surely waits for its retry is in nobody's, and one
// that is about to be tried may be in somebody's.
func TestInHands(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 30*time.Second), lines.Of(i)
		at := func(state action.LineState, in time.Duration) action.LineRecord {
			return action.LineRecord{State: state, NextTry: time.Now().Add(in)}
		}
		soon, late := at(action.LineRetrying, time.Second), at(action.LineRetrying, time.Hour)
		ordered := lines.Line{Name: "ordered", Instance: i.ID}
		for name, c := range map[string]struct {
			inWork, want int
			record       action.LineRecord
		}{
			"nothing":           {0, 0, late},
			"waits":             {1, 0, late},
			"is about to begin": {1, 1, soon},
			"is tried":          {1, 1, action.LineRecord{}},
			"is given up":       {1, 1, at(action.LineGivenUp, time.Hour)},
		} {
			got, err := b.InHands(ctx, ordered, lines.Standing{Backlog: lines.Backlog{InWork: c.inWork}, Record: c.record})
			require.NoError(t, err)
			require.Equal(t, c.want, got, name)
		}
		l := lines.Line{Name: "unordered", Instance: i.ID, Unordered: true}
		for n, r := range []action.LineRecord{soon, late, late, {}} {
			require.NoError(t, b.PutRecord(ctx, lines.Redelivered(l, uint64(n+1)), r))
		}
		for inWork, want := range map[int]int{0: 0, 1: 0, 2: 0, 4: 2, 9: 7} {
			got, err := b.InHands(ctx, l, lines.Standing{Backlog: lines.Backlog{InWork: inWork}, Record: late})
			require.NoError(t, err)
			require.Equal(t, want, got, "of %d", inWork)
		}
	})
}
