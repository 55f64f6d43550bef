package lines_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
)

// TestConsumerLeftBehindIsAdopted adds a line whose consumer is there already:
// a dispatcher made it, and died before it told anybody. Then it could still
// have had to stand, or to begin elsewhere.
func TestConsumerLeftBehindIsAdopted(t *testing.T) {
	for name, left := range map[string]func(*lines.Line){
		"as it is to be":  func(*lines.Line) {},
		"standing":        func(l *lines.Line) { l.Fenced = true },
		"begun elsewhere": func(l *lines.Line) { l.Cut = 4 },
		"of another kind": func(l *lines.Line) { l.Unordered = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
				l := lines.Line{Name: "line", Instance: i.ID, Target: "hook", Lanes: 1, Condition: onEvent("user.added"), Cut: 2}
				before := l
				left(&before)
				ctx := bustest.Within(t, 20*time.Second)
				require.NoError(t, lines.Of(i).Add(ctx, before))
				require.NoError(t, s.Bucket(t, bus.BucketLines).Purge(ctx, i.Token+".line.line"))

				for _, id := range []string{"a", "b", "c", "d"} { // from sequence 2 on
					bustest.Publish(t, i, id, "u", "user.added")
				}
				require.NoError(t, lines.Of(i).Add(ctx, l))
				var seen bustest.Noted
				consume(t, i.Bus, acked(t, &seen), l)
				require.Equal(t, bustest.Bodies(i, "a", "b", "c", "d"), seen.Await(t, 4))
			})
		})
	}
}

// TestLineBeginsAtItsCut makes a line after the events were stored: it has
// those behind the cut, whenever it was born.
func TestLineBeginsAtItsCut(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		var cut uint64
		for n := range 4 {
			if s := bustest.Publish(t, i, fmt.Sprint(n), "u", "user.added"); n == 2 {
				cut = s.StreamSequence
			}
		}
		l := line(t, i, "user.added", func(l *lines.Line) { l.Cut = cut })
		var seen bustest.Noted
		consume(t, i.Bus, acked(t, &seen), l)
		require.Equal(t, bustest.Bodies(i, "2", "3"), seen.Await(t, 2))
	})
}

// TestTheBook holds what was written into it, of each instance for itself.
func TestTheBook(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{AckWait: 7 * time.Second}))
	ctx := bustest.Within(t, 30*time.Second)
	var all []lines.Line
	for _, i := range pair {
		l := line(t, i, "user.added", func(l *lines.Line) { l.Org, l.MaxStop = "of "+i.ID, time.Hour })
		l.Format, l.AckWait = action.Format, 7*time.Second
		all = append(all, l)
		require.NoError(t, lines.Of(i).PutLineRecord(ctx, l, action.LineRecord{Sequence: 1}))
		require.NoError(t, lines.Of(i).KeepPosition(ctx, l, 1))
	}
	for n, i := range pair {
		list, err := lines.Of(i).List(ctx)
		require.NoError(t, err)
		require.Equal(t, all[n:n+1], list)
		now, ok, err := lines.Of(i).Now(ctx, "line")
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, all[n], now)
		_, ok, err = lines.Of(i).Now(ctx, "another")
		require.NoError(t, err)
		require.False(t, ok)
	}
	require.NoError(t, lines.Of(pair[0]).Remove(ctx, all[0]))
	require.NoError(t, lines.Of(pair[0]).Remove(ctx, all[0]), "twice is as good as once")
	keys, err := pair[0].Bucket(bus.BucketLines).Keys(ctx, pair[0].Token+".>")
	require.NoError(t, err)
	require.Empty(t, keys, "its record and its position too")
	_, err = lines.Of(pair[0]).Backlog(ctx, all[0])
	require.True(t, lines.IsLost(err))
	list, err := lines.Of(pair[1]).List(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = lines.Of(pair[1]).Backlog(ctx, all[1])
	require.NoError(t, err)
}

// TestChangedLine keeps the AckWait of its consumer: somebody may hold a
// delivery under it.
func TestChangedLine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{AckWait: 7 * time.Second}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		l := line(t, i, "user.added", nil)
		other := s.Connect(t, bus.Options{AckWait: 3 * time.Second}).Instance(i.ID)
		l.Revision, l.Cut = 9, 5
		require.NoError(t, lines.Of(other).Ensure(ctx, l))
		now, ok, err := lines.Of(other).Now(ctx, l.Name)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []any{uint64(9), 7 * time.Second}, []any{now.Revision, now.AckWait})
		standing, err := lines.Of(other).Standing(ctx, l)
		require.NoError(t, err)
		require.Equal(t, 7*time.Second, standing.AckWait)
	})
}

// TestLineOfANewerVersion is not read as what it is not. It is held by its name, and
// the lines beside it are listed.
func TestLineOfANewerVersion(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 20*time.Second)
		_, err := s.Bucket(t, bus.BucketLines).Put(ctx, i.Token+".line.line", fmt.Appendf(nil, `{"format":%d}`, action.Format+1))
		require.NoError(t, err)
		beside := line(t, i, "user.added", func(l *lines.Line) { l.Name = "beside" })
		all, held, err := lines.Of(i).ListHeld(ctx)
		require.NoError(t, err)
		require.Len(t, all, 1)
		require.Equal(t, beside.Name, all[0].Name)
		require.Equal(t, []lines.Line{{Name: "line", Instance: i.ID, Format: action.Format + 1}}, held)
		_, ok, err := lines.Of(i).Now(ctx, "line")
		bustest.Code(t, action.CodeNewer, err)
		require.False(t, ok)
	})
}

func TestLinesWithoutAStream(t *testing.T) {
	t.Parallel()
	b := bustest.Start(t).Connect(t, bus.Options{})
	for _, id := range bustest.IDs {
		l := lines.Line{Name: "line", Instance: id, Target: "hook", Lanes: 1, Condition: onEvent("user.added")}
		for _, err := range []error{lines.Of(b.Instance(id)).Add(t.Context(), l), lines.Of(b.Instance(id)).Ensure(t.Context(), l), lines.Of(b.Instance(id)).Stop(t.Context(), l)} {
			bustest.Code(t, action.CodeMissing, err)
			require.ErrorContains(t, err, b.Instance(id).Events)
		}
	}
}
