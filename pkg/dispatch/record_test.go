package dispatch_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/dispatch"
	"github.com/callout-hq/callout/pkg/wire"
)

// manyLines configures so many lines, each of a type and a target of its own.
func manyLines(r *receiver, id string, count int) string {
	var targets, events strings.Builder
	for n := range count {
		fmt.Fprintf(&targets, "  hook%d: {type: webhook, url: %q}\n", n, r.url(id, "hook"))
		fmt.Fprintf(&events, "  type%d.added: {targets: [{target: hook%d}]}\n", n, n)
	}
	return fmt.Sprintf("instance: %q\ntargets:\n%sevents:\n%s", id, &targets, &events)
}

// TestPackedLinesAreLookedAfterTogether: a dispatcher asks each shard for all its lines at
// once. It records how far they have come all the same, and puts right what somebody has
// stopped, or let go.
func TestPackedLinesAreLookedAfterTogether(t *testing.T) {
	t.Parallel()
	const count, shards = 20, 2
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcherWith(f.bus(), dispatch.Options{Shards: shards}.Hurried(hurried, 2*hurried))
	f.worker(f.bus())
	for _, id := range instances {
		tenant{f, id}.made(t, d, parsed(t, manyLines(r, id, count)))
	}
	both(t, f, func(t *testing.T, of tenant) {
		b := lines.Of(of.bus().Instance(of.id))
		p := f.publisher()
		all := of.linesOf(t)
		lineOf := func(target string) (l lines.Line) {
			for _, one := range all {
				if one.Target == target && !one.Async {
					l = one
				}
			}
			require.True(t, l.Packed())
			return l
		}
		// Its position is recorded.
		p.publish(t, of.id, "", "type0.added", "u")
		key := wire.Token(of.id) + ".position." + lineOf("hook0").Name
		require.Eventually(t, func() bool {
			v, err := f.bucket("callout_lines").Get(within(t, 20*time.Second), key)
			if err != nil {
				return false
			}
			floor, err := strconv.ParseUint(string(v.Value()), 10, 64)
			return err == nil && floor >= p.events[0].sequence
		}, time.Minute, 20*time.Millisecond)

		// Somebody has it stand, and nobody of us.
		require.NoError(t, b.Stop(within(t, 20*time.Second), lineOf("hook1")))
		paused := func(l lines.Line, want bool) {
			require.Eventually(t, func() bool {
				s, err := b.Standing(within(t, 20*time.Second), l)
				return err == nil && s.Paused == want
			}, time.Minute, 20*time.Millisecond)
		}
		paused(lineOf("hook1"), false)

		// One of us has it stand, and somebody lets it go.
		require.NoError(t, act(t, d.Instance(of.id).PauseSubscription, "type2.added/hook2"))
		require.NoError(t, b.Resume(within(t, 20*time.Second), lineOf("hook2")))
		paused(lineOf("hook2"), true)
		require.Equal(t, action.SubscriptionPaused, d.shows(t, of.id, "type2.added/hook2", in(action.SubscriptionPaused)).State)
	})
	require.Contains(t, d.log.String(), "it is put right")

	// Nothing happens: so many questions as there are shards, twice a look at most, however
	// many lines there are.
	time.Sleep(4 * hurried)
	var asked atomic.Int64
	sub, err := f.nc.Subscribe(wire.AllShards, func(*nats.Msg) { asked.Add(1) })
	require.NoError(t, err)
	require.NoError(t, f.nc.Flush())
	began := time.Now()
	time.Sleep(6 * hurried)
	looks := int64(time.Since(began)/hurried) + 2
	require.NoError(t, sub.Unsubscribe())
	require.LessOrEqual(t, asked.Load(), looks*int64(len(instances))*shards*2)
	require.NotZero(t, asked.Load())
}
