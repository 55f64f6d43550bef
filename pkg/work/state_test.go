package work

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestTheStateOfTheFleet is kept apart for instances, whatever has the same name
// in both.
func TestTheStateOfTheFleet(t *testing.T) {
	t.Parallel()
	s := newFleetState()
	hook := &action.Target{Name: "hook"}
	north, south := lineOf{Instance: "north", Name: "line", Unordered: true}, lineOf{Instance: "south", Name: "line", Unordered: true}

	s.setPaused(bus.TargetKey{Instance: "north", Owner: "acme", Name: "hook"}, "why")
	require.True(t, s.isPaused("north", "acme", hook))
	require.False(t, s.isPaused("south", "acme", hook))
	require.False(t, s.isPaused("north", "", hook))
	require.True(t, s.isPaused("south", "", &action.Target{Name: "hook", Paused: true}), "its configuration says so")
	s.setPaused(bus.TargetKey{Instance: "north", Owner: "acme", Name: "hook"}, "")
	require.False(t, s.isPaused("north", "acme", hook))

	at := time.Now()
	s.setResumed(bus.TargetKey{Instance: "north", Name: "hook"}, at)
	require.Equal(t, at, s.resumedAt("north", "", "hook"))
	require.True(t, s.resumedAt("south", "", "hook").IsZero())
	s.setResumed(bus.TargetKey{Instance: "north", Name: "hook"}, time.Time{})
	require.True(t, s.resumedAt("north", "", "hook").IsZero())
	require.Empty(t, s.resumed)

	s.setRecord(north.RecordKey(), &action.LineRecord{State: action.LineGivenUp, Sequence: 5, LastFailed: time.Now()})
	require.True(t, s.hasRecord(north.RecordKey()))
	require.False(t, s.hasRecord(south.RecordKey()))
	require.True(t, s.failedWithin(north.RecordKey(), time.Minute))
	require.False(t, s.failedWithin(north.RecordKey(), 0))
	require.False(t, s.failedWithin(south.RecordKey(), time.Minute))
	for sequence, gone := range map[uint64]bool{4: true, 5: true, 6: false} {
		require.Equal(t, gone, s.outstayed(&north, sequence), sequence)
		require.False(t, s.outstayed(&south, sequence))
	}
	ordered := north
	ordered.Unordered = false
	require.False(t, s.outstayed(&ordered, 5), "the record of an ordered line is its head's")
	s.setRecord(north.RecordKey(), &action.LineRecord{State: action.LineRunning})
	require.False(t, s.hasRecord(north.RecordKey()), "nothing depends on it")
	s.setRecord(north.RecordKey(), nil)
	require.Empty(t, s.records)
}

// TestAWatchedLineIsRemembered by its key until it is removed.
func TestAWatchedLineIsRemembered(t *testing.T) {
	t.Parallel()
	s := newFleetState()
	var all sync.WaitGroup
	for _, id := range instances {
		all.Go(func() {
			l := lineOf{Instance: id, Name: "line"}
			if _, known := s.lineKey(id, &l); known {
				t.Error("known before it was told of")
			}
			if k, known := s.lineKey(id, nil); !known || k != l.Key() {
				t.Error("forgotten: ", k)
			}
			if _, known := s.lineKey(id, nil); known {
				t.Error("known when it was removed")
			}
		})
	}
	all.Wait()
	require.Equal(t, map[string]lines.Key{}, s.lines)
}

// TestWhatCannotBeCarriedOutWaitsLonger the longer that lasts, for each line alone,
// and soon again once it went well, or for who has not had the line for a while.
func TestWhatCannotBeCarriedOutWaitsLonger(t *testing.T) {
	t.Parallel()
	s, now := newFleetState(), time.Now()
	north, south := lines.Key{Instance: "north", Name: "line"}, lines.Key{Instance: "south", Name: "line"}
	fails := func(k lines.Key, times int) (waits []time.Duration) {
		for range times {
			wait := s.again(k, now)
			waits, now = append(waits, wait/time.Second), now.Add(wait)
		}
		return waits
	}
	require.Equal(t, []time.Duration{1, 1, 2, 4, 8, 16, 30, 30}, fails(north, 8))
	require.Equal(t, []time.Duration{1, 1, 2}, fails(south, 3))
	s.carriedOut(north)
	require.Equal(t, []time.Duration{1, 1}, fails(north, 2))
	require.Equal(t, []time.Duration{6}, fails(south, 1), "what goes well elsewhere ends nothing here")
	now = now.Add(3 * time.Minute)
	require.Equal(t, []time.Duration{1, 1}, fails(south, 2))
}
