package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callout-hq/callout/pkg/action"
	"github.com/callout-hq/callout/pkg/bus"
)

// took notes what was delivered, in order.
type took struct {
	mu   sync.Mutex
	list []string
}

func (k *took) add(s string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.list = append(k.list, s)
}

func (k *took) get() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.list...)
}

func (k *took) await(t *testing.T, n int) []string {
	t.Helper()
	require.Eventually(t, func() bool { return len(k.get()) >= n }, 10*time.Second, time.Millisecond, "%v", k.get())
	return k.get()
}

func consume(t *testing.T, b *bus.Bus, l bus.Line, handle func(context.Context, *bus.Delivery)) *bus.Consumer {
	t.Helper()
	c := b.NewConsumer(8, handle)
	c.Start(context.Background(), l)
	t.Cleanup(func() { c.Stop() })
	return c
}

func TestLineHoldsTheRestWhileTheFirstWaits(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	l := line(t, b, "user.*", nil)
	for i := range 6 {
		publish(t, b, fmt.Sprint(i), "u"+fmt.Sprint(i%3), "user.added")
	}
	publish(t, b, "other", "u1", "usergrant.added")
	var seen took
	handle := func(_ context.Context, d *bus.Delivery) {
		seen.add(string(d.Body))
		if string(d.Body) == `{"id":"2"}` && !d.Redelivered {
			require.NoError(t, d.Wait(300*time.Millisecond))
			return
		}
		require.NoError(t, d.Ack())
	}
	for range 3 { // a fleet
		consume(t, connect(t, s, bus.Options{}), l, handle)
	}
	want := []string{`{"id":"0"}`, `{"id":"1"}`, `{"id":"2"}`, `{"id":"2"}`, `{"id":"3"}`, `{"id":"4"}`, `{"id":"5"}`}
	require.Equal(t, want, seen.await(t, len(want)))
}

func TestUnorderedLineDoesNotHold(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "*", func(l *bus.Line) { l.Unordered = true })
	var seen took
	consume(t, b, l, func(_ context.Context, d *bus.Delivery) {
		if string(d.Body) == `{"id":"0"}` && !d.Redelivered {
			require.NoError(t, d.Wait(200*time.Millisecond))
			return
		}
		seen.add(string(d.Body))
		require.NoError(t, d.Ack())
	})
	publish(t, b, "0", "u", "user.added")
	publish(t, b, "1", "u", "user.added")
	require.Equal(t, []string{`{"id":"1"}`, `{"id":"0"}`}, seen.await(t, 2))
}

func TestHeartbeatsKeepALongDelivery(t *testing.T) {
	t.Parallel()
	const ackWait = 2 * time.Second
	s, b := prepared(t, bus.Options{AckWait: ackWait})
	l := line(t, b, "user.added", nil)
	var seen took
	handle := func(ctx context.Context, d *bus.Delivery) {
		seen.add(string(d.Body))
		select {
		case <-time.After(3 * ackWait):
		case <-ctx.Done():
			t.Error("the lease lapsed although heartbeats went out: ", context.Cause(ctx))
		}
		require.NoError(t, d.Ack())
	}
	for range 2 {
		consume(t, connect(t, s, bus.Options{AckWait: ackWait}), l, handle)
	}
	publish(t, b, "a", "u", "user.added")
	seen.await(t, 1)
	require.Eventually(t, func() bool {
		backlog, err := b.Backlog(within(t, time.Second), l)
		return err == nil && backlog.Lag() == 0
	}, 10*time.Second, 10*time.Millisecond)
	require.Len(t, seen.get(), 1, "one arrival")
}

// TestLeaseLapsesWithoutTheServer holds a delivery while the server is away:
// nothing may be acknowledged with it afterwards, and another worker gets it.
func TestLeaseLapsesWithoutTheServer(t *testing.T) {
	s, b := prepared(t, bus.Options{AckWait: bus.MinAckWait})
	l := line(t, b, "user.added", nil)
	lapsed := make(chan error, 1)
	var seen took
	first := true
	consume(t, b, l, func(ctx context.Context, d *bus.Delivery) {
		if !first {
			seen.add(string(d.Body))
			require.NoError(t, d.Ack())
			return
		}
		first = false
		s.DisableJetStream() // heartbeats are confirmed no longer
		select {
		case <-ctx.Done():
			lapsed <- context.Cause(ctx)
		case <-time.After(5 * time.Second):
			lapsed <- nil
		}
		require.False(t, d.Held())
		require.ErrorIs(t, d.Ack(), bus.ErrLapsed)
		require.ErrorIs(t, d.Wait(time.Second), bus.ErrLapsed)
		require.ErrorIs(t, d.HandBack(), bus.ErrLapsed)
	})
	publish(t, b, "a", "u", "user.added")
	require.ErrorIs(t, <-lapsed, bus.ErrLapsed)
}

func TestHandedBackIsTakenByAnother(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "user.added", nil)
	var seen took
	consume(t, b, l, func(_ context.Context, d *bus.Delivery) {
		seen.add(fmt.Sprint(d.Redelivered))
		if !d.Redelivered {
			require.NoError(t, d.HandBack())
			return
		}
		require.NoError(t, d.Ack())
	})
	publish(t, b, "a", "u", "user.added")
	require.Equal(t, []string{"false", "true"}, seen.await(t, 2))
}

func TestConsumerStopWaitsForWhatIsInHand(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "user.added", nil)
	entered, release := make(chan struct{}), make(chan struct{})
	c := b.NewConsumer(1, func(_ context.Context, d *bus.Delivery) {
		close(entered)
		<-release
		require.NoError(t, d.Ack())
	})
	c.Start(context.Background(), l)
	c.Start(context.Background(), l) // twice does nothing
	publish(t, b, "a", "u", "user.added")
	<-entered
	stopped := make(chan struct{})
	go func() { c.Stop(); close(stopped) }()
	select {
	case <-stopped:
		t.Fatal("stopped with a delivery in hand")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	<-stopped
}

func TestStoppedLineStandsUntilResumed(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	l := line(t, b, "user.added", nil)
	ctx := within(t, 10*time.Second)
	require.NoError(t, b.StopLine(ctx, l))
	var seen took
	consume(t, b, l, func(_ context.Context, d *bus.Delivery) { seen.add(string(d.Body)); require.NoError(t, d.Ack()) })
	publish(t, b, "a", "u", "user.added")
	require.Never(t, func() bool { return len(seen.get()) > 0 }, 100*time.Millisecond, 10*time.Millisecond)
	require.NoError(t, b.EnsureLine(ctx, l), "an upsert does not wake it")
	require.Never(t, func() bool { return len(seen.get()) > 0 }, 100*time.Millisecond, 10*time.Millisecond)
	backlog, err := b.Backlog(ctx, l)
	require.NoError(t, err)
	require.Equal(t, uint64(1), backlog.Lag())
	require.NoError(t, b.ResumeLine(ctx, l))
	seen.await(t, 1)
}

func TestRecordsAreOneALineOrOneADelivery(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	ctx := within(t, 10*time.Second)
	for _, unordered := range []bool{false, true} {
		l := line(t, b, "user.added", func(l *bus.Line) { l.Unordered = unordered; l.Name += fmt.Sprint(unordered) })
		keys := map[string]bool{}
		var mu sync.Mutex
		done := make(chan struct{}, 2)
		c := consume(t, b, l, func(_ context.Context, d *bus.Delivery) {
			_, ok, err := b.Record(ctx, d)
			require.NoError(t, errors.Join(err))
			mu.Lock()
			require.Equal(t, !unordered && len(keys) > 0, ok)
			keys[d.RecordKey()] = true
			mu.Unlock()
			require.NoError(t, b.PutRecord(ctx, d, action.LineRecord{Sequence: d.Sequence, Attempts: 3, State: action.LineRetrying}))
			r, ok, err := b.Record(ctx, d)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, 3, r.Attempts)
			require.NoError(t, d.Ack())
			done <- struct{}{}
		})
		if !unordered {
			publish(t, b, "a", "u", "user.added")
			publish(t, b, "b", "u", "user.added")
		}
		<-done
		<-done
		c.Stop()
		require.Len(t, keys, map[bool]int{false: 1, true: 2}[unordered])
	}
}

// TestLineBeginsAtItsCut makes a line after the events were stored: it has
// those behind the cut, whenever it was born.
func TestLineBeginsAtItsCut(t *testing.T) {
	_, b := prepared(t, bus.Options{})
	var cut uint64
	for i := range 4 {
		if s := publish(t, b, fmt.Sprint(i), "u", "user.added"); i == 2 {
			cut = s.StreamSequence
		}
	}
	l := line(t, b, "user.added", func(l *bus.Line) { l.Cut = cut })
	var seen took
	consume(t, b, l, func(_ context.Context, d *bus.Delivery) { seen.add(string(d.Body)); require.NoError(t, d.Ack()) })
	require.Equal(t, []string{`{"id":"2"}`, `{"id":"3"}`}, seen.await(t, 2))
}

// TestOneLeadsAtATime has several dispatchers count one after the other.
func TestOneLeadsAtATime(t *testing.T) {
	s, b := prepared(t, bus.Options{})
	inside, most, turns := 0, 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 4 {
		other := connect(t, s, bus.Options{})
		all.Go(func() {
			for range 5 {
				err := other.Lead(within(t, 20*time.Second), instance, func(context.Context) error {
					mu.Lock()
					inside++
					most = max(most, inside)
					turns++
					mu.Unlock()
					time.Sleep(time.Millisecond) // work that others must not share
					mu.Lock()
					inside--
					mu.Unlock()
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, []int{20, 1}, []int{turns, most})
	// One that died lets the others in when its lead lapses.
	ctx, die := context.WithCancel(context.Background())
	entered := make(chan struct{})
	gone := connect(t, s, bus.Options{})
	ended := make(chan error, 1)
	go func() {
		ended <- gone.Lead(ctx, instance, func(context.Context) error { close(entered); gone.Close(); return nil })
	}()
	<-entered
	require.NoError(t, b.Lead(within(t, 10*time.Second), instance, func(context.Context) error { return nil }))
	die()
	<-ended
}
