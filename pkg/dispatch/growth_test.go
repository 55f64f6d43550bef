package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

const (
	comeAndGo     = 200 // targets that come and go, in each instance
	comeAndGoStep = 40  // so many with one edit
)

// TestTargetsThatComeAndGoLeaveNothing: each is paused, resumed and removed, some
// while they are paused. Afterwards nothing is kept of any, in the store or here.
func TestTargetsThatComeAndGoLeaveNothing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	forgetful := f.busAt(f.url, bus.Options{Remember: time.Second})
	d := f.dispatcherWith(forgetful, dispatch.Options{}.Hurried(hurried, 2*hurried))
	for _, id := range instances {
		tenant{f, id}.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
			return current.WithTarget("", hook("stays", "https://stays.example"))
		})
	}
	f.resting(t)
	keys, book := f.messages(t, "callout_secrets"), f.messages(t, "callout_lines")
	lineCount, _, doors := d.Sizes()
	both(t, f, func(t *testing.T, of tenant) {
		i := d.Instance(of.id)
		for from := 0; from < comeAndGo; from += comeAndGoStep {
			of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot { return coming(current, from) })
			for n := from; n < from+comeAndGoStep; n += 4 {
				name := fmt.Sprint("t", n)
				require.NoError(t, i.PauseTarget(within(t, 20*time.Second), "", name, "by hand"))
				if n%8 == 0 {
					require.NoError(t, forgetful.Instance(of.id).ResumeTarget(within(t, 20*time.Second), "", name))
				}
			}
			of.change(t, d, func(current *catalog.Snapshot) *catalog.Snapshot {
				next, sc := current.Draft("")
				for name := range sc.Targets {
					if name != "stays" {
						delete(sc.Targets, name)
					}
				}
				sc.Sections[action.OnEvent] = nil
				return next
			})
		}
		// What came too late: a target is paused that has left already, and a
		// worker writes down how a delivery of a line failed that is gone.
		b := forgetful.Instance(of.id)
		require.NoError(t, b.PauseTarget(within(t, 20*time.Second), "", "long gone", "too late"))
		gone := lines.Line{Name: "gone", Instance: of.id, Unordered: true}
		require.NoError(t, lines.Of(b).PutLineRecord(within(t, 20*time.Second), gone, action.LineRecord{Sequence: 1}))
		require.NoError(t, lines.Of(b).KeepPosition(within(t, 20*time.Second), gone, 1))
		all, err := lines.Of(b).List(within(t, 20*time.Second))
		require.NoError(t, err)
		left, err := i.Remembers(within(t, 20*time.Second), all, gone)
		require.NoError(t, err)
		require.Equal(t, len(all), left, "a line that is gone is remembered")
	})
	require.Eventually(t, func() bool {
		return f.messages(t, "callout_secrets") <= keys && f.messages(t, "callout_lines") <= book
	}, time.Minute, 100*time.Millisecond, "more than %d keys and %d entries of lines are left: %v", keys, book, lazily(func() any {
		return [][]string{f.keysOf(t, "callout_secrets"), f.keysOf(t, "callout_lines")}
	}))
	lineCountNow, pauses, doorsNow := d.Sizes()
	require.Equal(t, []int{lineCount, 0, doors}, []int{lineCountNow, pauses, doorsNow})
}

// coming is a catalog with targets more, each with a line.
func coming(current *catalog.Snapshot, from int) *catalog.Snapshot {
	next, sc := current.Draft("")
	for n := from; n < from+comeAndGoStep; n++ {
		name := fmt.Sprint("t", n)
		sc.Targets[name] = hook(name, "https://t.example")
		if n%10 == 0 { // each in one of the executions, which hold a few
			match := fmt.Sprintf("user.e%d", n)
			sc.Sections[action.OnEvent] = append(sc.Sections[action.OnEvent], execution(match, name))
		}
	}
	return next
}

// messages counts all that a bucket's stream holds, what tells of removals too.
func (f *fleet) messages(t *testing.T, bucket string) uint64 {
	t.Helper()
	s, err := f.js.Stream(within(t, 10*time.Second), "KV_"+bucket)
	require.NoError(t, err)
	return s.CachedInfo().State.Msgs
}

// resting waits until what the first edits left behind is forgotten.
func (f *fleet) resting(t *testing.T) {
	t.Helper()
	last, calm := uint64(0), 0
	require.Eventually(t, func() bool {
		now := f.messages(t, "callout_secrets") + f.messages(t, "callout_lines")
		if calm++; now != last {
			last, calm = now, 0
		}
		return calm == 20
	}, time.Minute, 50*time.Millisecond)
}

// lazily is shown as what it gives when it is shown.
type lazily func() any

func (l lazily) String() string { return fmt.Sprint(l()) }
