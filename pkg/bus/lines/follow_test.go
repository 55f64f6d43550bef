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

// noting tells in words what is followed.
func noting(seen *bustest.Noted) lines.Events {
	target := func(k bus.TargetKey) string { return k.Instance + "/" + k.Owner + "/" + k.Name }
	return lines.Events{
		Line: func(key string, l *lines.Line) {
			if l == nil {
				seen.Add("line " + key + " gone")
			} else {
				seen.Add("line " + key + " of " + l.Instance)
			}
		},
		Record: func(key string, r *action.LineRecord) {
			if r == nil {
				seen.Add("record " + key + " gone")
			} else {
				seen.Add(fmt.Sprint("record ", key, " at ", r.Sequence))
			}
		},
		Paused:  func(k bus.TargetKey, reason action.Code) { seen.Add(fmt.Sprintf("paused %s %q", target(k), reason)) },
		Resumed: func(k bus.TargetKey, at time.Time) { seen.Add(fmt.Sprint("resumed ", target(k), " ", !at.IsZero())) },
	}
}

// TestFollowedLines: lines, records and pauses of all instances are told, those
// that stand and those that change, and what cannot be read is left out.
func TestFollowedLines(t *testing.T) {
	t.Parallel()
	s := bustest.Start(t)
	pair := bustest.Pair(t, s.Connect(t, bus.Options{}))
	ctx := bustest.Within(t, 30*time.Second)
	var seen bustest.Noted
	<-lines.Follow(ctx, pair[0].Bus, noting(&seen))
	<-lines.Follow(ctx, pair[0].Bus, lines.Events{}) // who wants to know nothing is told nothing
	require.Empty(t, seen.Get())
	var want []string
	told := func(news ...string) { // what is written over at once may not be told
		t.Helper()
		want = append(want, news...)
		require.Equal(t, want, seen.Await(t, len(want)))
	}
	for n, i := range pair {
		l := line(t, i, "user.added", nil)
		require.NoError(t, lines.Of(i).PutLineRecord(ctx, l, action.LineRecord{Sequence: uint64(n + 7)}))
		require.NoError(t, lines.Of(i).KeepPosition(ctx, l, 1))
		at, target := i.Token, i.ID+"/acme/my hook"
		require.NoError(t, i.PauseTarget(ctx, "acme", "my hook", action.CodeGone))
		told("line "+at+".line.line of "+i.ID, fmt.Sprint("record ", at, ".record.line at ", n+7), "paused "+target+` "gone"`)
		require.NoError(t, i.ResumeTarget(ctx, "acme", "my hook"))
		l.Drained = true
		require.NoError(t, lines.Of(i).TellAckWait(ctx, l, time.Second))
		told("resumed "+target+" true", "paused "+target+` ""`, "line "+at+".line.line of "+i.ID)
		require.NoError(t, lines.Of(i).Remove(ctx, l))
		told("record "+at+".record.line gone", "line "+at+".line.line gone")
		for _, key := range []string{".line.bad", ".record.bad", ".paused.bad", ".resumed.no.time", ".else.bad"} {
			_, err := s.Bucket(t, bus.BucketLines).Put(ctx, i.Token+key, []byte("bad"))
			require.NoError(t, err)
		}
	}
	stands := line(t, pair[1], "user.added", nil)
	told("line " + pair[1].Token + ".line.line of " + stands.Instance)
	var late bustest.Noted
	<-lines.Follow(ctx, pair[0].Bus, noting(&late))
	require.Contains(t, late.Get(), "line "+pair[1].Token+".line.line of "+stands.Instance)
}
