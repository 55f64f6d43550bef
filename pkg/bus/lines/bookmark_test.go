package lines_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/bustest"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
)

// bookmarkOf is the consumer of a shard as any NATS tool sees it; nil when there is none.
func bookmarkOf(t *testing.T, i bus.Instance, number int) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := i.JetStream().Consumer(bustest.Within(t, time.Minute), i.Events, "shard-"+strconv.Itoa(number))
	if err != nil {
		require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
		return nil
	}
	return c.CachedInfo()
}

// shows waits until the consumer of a shard has a floor and so many events behind it.
func shows(t *testing.T, i bus.Instance, number int, floor, pending uint64) *jetstream.ConsumerInfo {
	t.Helper()
	var info *jetstream.ConsumerInfo
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		info = bookmarkOf(t, i, number)
		if info == nil {
			c.Errorf("shard %d has no consumer", number)
			return
		}
		if info.AckFloor.Stream != floor || info.NumPending != pending || info.NumAckPending != 0 {
			c.Errorf("floor %d, pending %d, in work %d; not %d, %d, 0", info.AckFloor.Stream, info.NumPending, info.NumAckPending, floor, pending)
		}
	}, time.Minute, 20*time.Millisecond)
	return info
}

// staysAt is shows, and that it is so still when the bookmark has had two more turns: it may
// have been there on its way.
func staysAt(t *testing.T, i bus.Instance, number int, floor, pending uint64) *jetstream.ConsumerInfo {
	t.Helper()
	shows(t, i, number, floor, pending)
	time.Sleep(2500 * time.Millisecond)
	return shows(t, i, number, floor, pending)
}

// TestAShardIsSeenAsAConsumer has one line of a shard stuck while another goes on: what
// NATS tools see of the shard is the one that is stuck, also at another worker, until it
// goes on.
func TestAShardIsSeenAsAConsumer(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		const many = 30
		all := packedLines(t, i, 4) // 0 and 2 in shard 1, 1 and 3 in shard 2
		var goes atomic.Bool
		handle := func(_ context.Context, d *lines.Delivery) {
			if d.Line.Name == all[0].Name && !goes.Load() {
				unlapsed(t, d.Wait(20*time.Millisecond))
				return
			}
			unlapsed(t, d.Ack())
		}
		first := consume(t, s.Connect(t, bus.Options{}), handle, all...)
		var stuck, last bus.Stored
		for n := range many {
			bustest.Publish(t, i, "f"+strconv.Itoa(n), "u", "type2.added")
			bustest.Publish(t, i, "o"+strconv.Itoa(n), "u", "type1.added")
			if n == many/2 {
				stuck = bustest.Publish(t, i, "s", "u", "type0.added")
			}
			last = bustest.Publish(t, i, "x"+strconv.Itoa(n), "u", "type3.added")
		}
		behind := last.StreamSequence - stuck.StreamSequence + 1
		info := staysAt(t, i, 1, stuck.StreamSequence-1, behind)
		require.Equal(t, []string{i.ID, "1", "2"}, []string{info.Config.Metadata["callout_instance"], info.Config.Metadata["callout_shard"], info.Config.Metadata["callout_lines"]})
		shows(t, i, 2, last.StreamSequence, 0)
		bustest.Publish(t, i, "more", "u", "type1.added")
		shows(t, i, 1, stuck.StreamSequence-1, behind+1)

		first.Stop()
		consume(t, s.Connect(t, bus.Options{}), handle, all...)
		last = bustest.Publish(t, i, "taken over", "u", "type2.added")
		staysAt(t, i, 1, stuck.StreamSequence-1, behind+2)
		shows(t, i, 2, last.StreamSequence, 0)
		goes.Store(true)
		shows(t, i, 1, last.StreamSequence, 0)
	})
}

// TestLagIsReadAsThePageSays: the fields and names of docs/operations.md are those that the
// server tells any NATS tool.
func TestLagIsReadAsThePageSays(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		all := packedLines(t, i, 3)
		own := line(t, i, "type9.added", func(l *lines.Line) { l.Unordered = true })
		var seen bustest.Noted
		consume(t, s.Connect(t, bus.Options{}), acked(t, &seen), all...)
		last := bustest.Publish(t, i, "0", "u", "type0.added").StreamSequence
		shows(t, i, 1, last, 0)
		tell := func(name string) (flat map[string]any) {
			msg, err := s.Plain(t).Request("$JS.API.CONSUMER.INFO."+i.Events+"."+name, nil, time.Minute)
			require.NoError(t, err)
			var info struct {
				Pending  any            `json:"num_pending"`
				AckFloor map[string]any `json:"ack_floor"`
				InWork   any            `json:"num_ack_pending"`
				Config   struct {
					Metadata map[string]any `json:"metadata"`
				} `json:"config"`
			}
			require.NoError(t, json.Unmarshal(msg.Data, &info))
			flat = info.Config.Metadata
			flat["num_pending"], flat["ack_floor.stream_seq"], flat["num_ack_pending"] = info.Pending, info.AckFloor["stream_seq"], info.InWork
			return flat
		}
		for name, want := range map[string]map[string]any{
			"shard-1": {"num_pending": 0.0, "ack_floor.stream_seq": float64(last), "num_ack_pending": 0.0, "callout_instance": i.ID, "callout_shard": "1", "callout_lines": "2"},
			own.Name:  {"num_pending": 0.0, "ack_floor.stream_seq": 0.0, "num_ack_pending": 0.0, "callout_instance": i.ID, "callout_target": "hook", "callout_condition": "type9.added", "callout_lane": "0/1"},
		} {
			told := tell(name)
			for field, value := range want {
				require.Equal(t, value, told[field], "%s of %s", field, name)
				require.Contains(t, string(page), "`"+field+"`")
			}
		}
	})
}

// TestWhatSomebodyDoesToABookmarkIsUndone: it comes back when it was deleted, moved, taken
// from, paused, or replaced.
func TestWhatSomebodyDoesToABookmarkIsUndone(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx := bustest.Within(t, 2*time.Minute)
		all := packedLines(t, i, 1)
		var seen bustest.Noted
		consume(t, s.Connect(t, bus.Options{}), acked(t, &seen), all...)
		bustest.Publish(t, i, "0", "u", "type0.added")
		last := bustest.Publish(t, i, "1", "u", "type0.added").StreamSequence
		shows(t, i, 1, last, 0)
		js := i.JetStream()
		drop := func() { require.NoError(t, js.DeleteConsumer(ctx, i.Events, "shard-1")) }
		for what, do := range map[string]func(){
			"deleted": drop,
			"moved": func() {
				_, err := js.ResetConsumerToSequence(ctx, i.Events, "shard-1", 1)
				require.NoError(t, err)
				require.EqualValues(t, 2, bookmarkOf(t, i, 1).NumPending)
			},
			"taken from": func() {
				_, err := js.ResetConsumerToSequence(ctx, i.Events, "shard-1", 1)
				require.NoError(t, err)
				c, err := js.Consumer(ctx, i.Events, "shard-1")
				require.NoError(t, err)
				_, err = c.Next(jetstream.FetchMaxWait(time.Second))
				if err != nil { // it was set back in between
					require.ErrorIs(t, err, jetstream.ErrNoMessages)
				}
			},
			"paused": func() {
				_, err := js.PauseConsumer(ctx, i.Events, "shard-1", time.Now().Add(time.Hour))
				require.NoError(t, err)
			},
			"replaced": func() {
				drop()
				_, err := js.CreateOrUpdateConsumer(ctx, i.Events, jetstream.ConsumerConfig{Durable: "shard-1", AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverAllPolicy})
				if err != nil { // it was back in between
					t.Log(err)
				}
			},
		} {
			do()
			require.Eventually(t, func() bool {
				info := bookmarkOf(t, i, 1)
				return info != nil && info.AckFloor.Stream == last && info.NumAckPending == 0 && !info.Paused &&
					info.Config.AckPolicy == jetstream.AckExplicitPolicy && info.Config.Metadata["callout_shard"] == "1"
			}, time.Minute, 20*time.Millisecond, what)
		}
		require.Equal(t, bustest.Bodies(i, "0", "1"), seen.Get(), "and nothing of it comes to a line")
	})
}

// TestABookmarkIsNoLine, and goes with the last line of its shard.
func TestABookmarkIsNoLine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, s *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, 2*time.Minute), lines.Of(i)
		all := packedLines(t, i, 4)
		var seen bustest.Noted
		c := consume(t, s.Connect(t, bus.Options{}), acked(t, &seen), all...)
		last := bustest.Publish(t, i, "0", "u", "type0.added").StreamSequence
		shows(t, i, 1, last, 0)
		shows(t, i, 2, last, 0)
		standings, err := b.Standings(ctx)
		require.NoError(t, err)
		require.Len(t, standings, len(all))
		relisted, err := b.Relist(ctx, all)
		require.NoError(t, err)
		require.Zero(t, relisted)
		lost, err := b.WithoutConsumer(ctx, all)
		require.NoError(t, err)
		require.Empty(t, lost)
		removed, err := b.SweepBookmarks(ctx, all)
		require.NoError(t, err)
		require.Zero(t, removed)
		require.NoError(t, b.Trim(ctx, last+1))
		state, err := i.State(ctx, i.Events)
		require.NoError(t, err)
		require.EqualValues(t, 1, state.State.Msgs, "the marker alone: a bookmark keeps no event")

		gone := func(number int) {
			t.Helper()
			require.Eventually(t, func() bool { return bookmarkOf(t, i, number) == nil }, time.Minute, 20*time.Millisecond)
		}
		remove := func(l lines.Line) {
			t.Helper()
			<-c.StopLine(l.Key())
			require.NoError(t, b.Remove(ctx, l))
		}
		remove(all[0])
		remove(all[2])
		gone(1)
		require.NotNil(t, bookmarkOf(t, i, 2))
		c.Stop()
		remove(all[1])
		require.NotNil(t, bookmarkOf(t, i, 2), "one line is left")
		remove(all[3])
		gone(2) // nobody holds it
		_, err = i.JetStream().CreateConsumer(ctx, i.Events, lines.BookmarkConfig(i, 7))
		require.NoError(t, err)
		removed, err = b.SweepBookmarks(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, removed)
		gone(7)
	})
}

// TestALineOfABookmarksNameIsALine: it is told by what is in it.
func TestALineOfABookmarksNameIsALine(t *testing.T) {
	t.Parallel()
	bustest.Both(t, bus.Options{}, func(t *testing.T, _ *bustest.Server, i bus.Instance) {
		ctx, b := bustest.Within(t, time.Minute), lines.Of(i)
		l := line(t, i, "user.added", func(l *lines.Line) { l.Name = "shard-1-" + fmt.Sprintf("%032x", 1) })
		if shards.Unasked > 0 {
			t.Skip("it is packed") // only with CALLOUT_TEST_SHARDS: there is no consumer of a line then to look at
		}
		removed, err := b.SweepBookmarks(ctx, nil)
		require.NoError(t, err)
		require.Zero(t, removed)
		relisted, err := b.Relist(ctx, nil)
		require.NoError(t, err)
		require.Equal(t, 1, relisted)
		_, err = b.Backlog(ctx, l)
		require.NoError(t, err)
	})
}
