package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
	"github.com/callout-hq/callout/pkg/bus/lines"
	"github.com/callout-hq/callout/pkg/bus/shards"
	"github.com/callout-hq/callout/pkg/catalog"
	"github.com/callout-hq/callout/pkg/dispatch"
)

// TestNothingIsTrimmedUnsent trims without a pause, and keeps nothing that is
// older than a moment, while events come that nobody has taken yet. Each must be
// there until its line has it.
func TestNothingIsTrimmedUnsent(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	b := f.bus()
	d, err := dispatch.Start(within(t, 20*time.Second), dispatch.Options{Bus: b, Log: zerolog.Nop(), Listen: "127.0.0.1:0", History: time.Nanosecond})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Stop(within(t, 10*time.Second)) })
	trimming, end := context.WithCancel(within(t, time.Minute))
	var trims, events sync.WaitGroup
	defer trims.Wait()
	defer end()
	for _, id := range bothIDs {
		_, err := d.Instance(id).Apply(within(t, 10*time.Second), oneLineOf(t, id))
		require.NoError(t, err)
		trims.Go(func() {
			for trimming.Err() == nil {
				if err := d.Instance(id).Retain(trimming); trimming.Err() == nil {
					assert.NoError(t, err)
				}
			}
		})
		events.Go(func() { takeEach(t, f, b.Instance(id), 400) })
	}
	events.Wait()
}

// takeEach publishes events and takes each from its line before the next.
func takeEach(t *testing.T, f *fleet, i bus.Instance, count int) {
	ctx := within(t, time.Minute)
	stream, err := f.js.Stream(ctx, i.Events)
	if !assert.NoError(t, err) {
		return
	}
	var line jetstream.Consumer
	all, err := lines.Of(i).List(ctx)
	assert.NoError(t, err)
	for _, l := range all {
		if !l.Async {
			line, err = stream.Consumer(ctx, l.Name)
			assert.NoError(t, err)
		}
	}
	for n := range count {
		stored, err := i.Publish(ctx, bus.NewEvent{ID: fmt.Sprint(n), AggregateID: "u", Type: "user.added", Body: []byte(`{}`)})
		if !assert.NoError(t, err) {
			return
		}
		for range 3 { // while the trimming goes round
			if _, err := stream.GetMsg(ctx, stored.StreamSequence); !assert.NoError(t, err, "event %d of instance %s was trimmed before its line had it", n, i.ID) {
				return
			}
		}
		taken, err := line.Next(jetstream.FetchMaxWait(10 * time.Second))
		if !assert.NoError(t, err) || !assert.NoError(t, taken.DoubleAck(ctx)) {
			return
		}
	}
}

// bothIDs are instances of which one begins with the other.
var bothIDs = [2]string{"default", "default.größe 2"}

// oneLine configures one target for one type of event.
const oneLine = "targets: {hook: {type: webhook, url: 'https://hooks.example.com/hook'}}\nevents: {user.added: {targets: [{target: hook}]}}"

// oneLineOf gives the catalog of an instance with one line.
func oneLineOf(t *testing.T, id string) *catalog.Snapshot {
	t.Helper()
	return parsed(t, fmt.Sprintf("instance: %q\n%s", id, oneLine))
}

// TestWhatIsDeliveredAndOldIsTrimmed: what is young stays although it is delivered,
// and what waits although it is old, whichever dispatcher looks.
func TestWhatIsDeliveredAndOldIsTrimmed(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"packed": 2, "with consumers": shards.None} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, r := newFleet(t), newReceiver(t)
			keeps := f.dispatcherWith(f.bus(), dispatch.Options{History: time.Hour, Shards: count}.Hurried(time.Hour, time.Hour))
			trims := f.dispatcherWith(f.bus(), dispatch.Options{History: time.Nanosecond, Shards: count}.Hurried(time.Hour, time.Hour))
			f.worker(f.bus())
			both(t, f, func(t *testing.T, of tenant) { of.trims(t, keeps, trims, r) })
		})
	}
}

// trims has the second instance deliver the first of its events, and the first none.
func (of tenant) trims(t *testing.T, keeps, trims *running, r *receiver) {
	of.change(t, keeps, moved(r, of.id, "hook", 1))
	p, l := of.publisher(), of.linesOf(t)[0]
	pause := func() {
		require.NoError(t, keeps.Instance(of.id).PauseSubscription(within(t, time.Minute), l.Subscription(), -1))
	}
	if of.id == instances[0] {
		pause()
	}
	p.publish(t, of.id, "", "user.added", "u")
	if of.id == instances[1] {
		of.arrived(t, r, p)
		require.Eventually(t, func() bool {
			b, err := lines.Of(of.bus().Instance(of.id)).Backlog(within(t, time.Minute), l)
			return err == nil && b.Lag() == 0
		}, time.Minute, 10*time.Millisecond)
		pause()
	}
	p.publish(t, of.id, "", "user.added", "v", "w")
	p.publish(t, of.id, "", "user.removed", "u") // nobody's
	s, err := of.js.Stream(within(t, time.Minute), of.bus().Instance(of.id).Events)
	require.NoError(t, err)
	stands := func() (kept []bool) {
		for _, e := range p.events {
			_, err := s.GetMsg(within(t, time.Minute), e.sequence)
			kept = append(kept, err == nil)
		}
		return kept
	}
	require.NoError(t, keeps.Instance(of.id).Retain(within(t, time.Minute)))
	require.Equal(t, []bool{true, true, true, true}, stands())
	require.NoError(t, trims.Instance(of.id).Retain(within(t, time.Minute)))
	require.Equal(t, []bool{of.id == instances[0], true, true, true}, stands())
}

// TestALineThatStoodTooLongIsEmptied into the dead letters, and goes on, in order or
// without; one that may stand for longer stands.
func TestALineThatStoodTooLongIsEmptied(t *testing.T) {
	t.Parallel()
	f, r := newFleet(t), newReceiver(t)
	d := f.dispatcher()
	f.worker(f.bus())
	names := []string{"user.*/hook", "user.*/loose"}
	var p [2]*publisher
	for n, id := range instances {
		p[n] = f.publisher()
		tenant{f, id}.made(t, d, patiently(r, id, func(e *action.Execution) {
			if n == 0 {
				e.MaxStop = time.Second
			}
		}))
		for _, name := range names {
			require.NoError(t, act(t, d.Instance(id).PauseSubscription, name))
		}
		p[n].publish(t, id, "", "user.added", "u", "v")
	}
	for _, name := range names {
		d.shows(t, instances[0], name, in(action.SubscriptionRunning))
		require.Equal(t, action.SubscriptionPaused, d.shows(t, instances[1], name, in(action.SubscriptionPaused)).State)
	}
	short, long := tenant{f, instances[0]}, tenant{f, instances[1]}
	require.Eventually(t, func() bool { return len(short.left(t)) == 4 }, time.Minute, 20*time.Millisecond)
	for n, l := range short.lettersOf(t) {
		require.Equal(t, []any{action.CodeStopped, p[0].events[n/2].sequence}, []any{l.Reason, l.Sequence})
	}
	p[0].publish(t, short.id, "", "user.added", "w")
	f.reach(t, r, map[string]int{pathOf(short.id, "hook"): 1, pathOf(short.id, "loose"): 1})
	require.Empty(t, long.left(t))
	require.Empty(t, r.got(pathOf(long.id, "hook")))
}
